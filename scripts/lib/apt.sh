# A private apt: another suite and architecture, in a configuration and state of its own under
# build/apt/. Sourced by scripts that stand in the project's top folder.

# The mirror of Debian that this machine is configured for; DEBIAN_MIRROR= overrides it.
apt_mirror()
{
	if [ -n "${DEBIAN_MIRROR:-}" ]; then
		echo "$DEBIAN_MIRROR"
		return
	fi
	mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' \
		2>/dev/null | sed -n 's/^Debian //p' | head -n 1)
	# Without package lists there are no labels yet: any source that is not the security one.
	[ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -n 1)
	if [ -z "$mirror" ]; then
		echo "apt: no Debian mirror is configured here; give one with DEBIAN_MIRROR=" >&2
		return 1
	fi
	echo "$mirror"
}

apt_keyring()
{
	for keyring in /usr/share/keyrings/debian-archive-keyring.pgp \
		       /usr/share/keyrings/debian-archive-keyring.gpg; do
		if [ -e $keyring ]; then
			echo $keyring
			return
		fi
	done
	echo "apt: Debian's archive keyring is missing; remedy: apt-get install debian-archive-keyring" >&2
	return 1
}

# The names under which a mirror may have the suite $1: its own, then those that move on with each release.
apt_suite_names()
{
	suffix=${1#"${1%%-*}"}
	echo "$1 stable$suffix oldstable$suffix"
}

# apt_update "SUITE COMPONENT..." TYPE: the package lists. While a mirror takes over a new release, what it has under one
# name of a suite may contradict its signed Release file; under another name it is whole. Lists that are there already
# serve longer.
apt_update()
{
	for name in $(apt_suite_names "${1%% *}"); do
		echo "$2 [signed-by=$apt_signed_by] $apt_uri $name ${1#* }" >"$apt_directory/sources.list"
		if apt_run apt-get -qq update >&2 &&
		   [ "$(apt_run apt-get indextargets --format '$(CODENAME)' | sort -u)" = "${1%% *}" ]; then
			touch "$apt_directory/updated"
			return 0
		fi
		[ ! -e "$apt_directory/updated" ] || return 0
		echo "apt: no whole lists of the suite by the name $name" >&2
	done
	echo "apt: the mirror has no whole lists of $1; remedy: try again later, or another DEBIAN_MIRROR=" >&2
	return 1
}

# apt_private NAME ARCHITECTURE "SUITE COMPONENT..." [deb-src]: makes build/apt/NAME-ARCHITECTURE and its
# package lists (kept for a week; with deb-src those of sources), and lets apt_run use it.
apt_private()
{
	apt_directory=$PWD/build/apt/$1-$2
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "apt: not a Debian system: no apt-get here" >&2
		return 1
	fi
	apt_uri=$(apt_mirror) && apt_signed_by=$(apt_keyring) || return 1
	mkdir -p "$apt_directory/lists/partial" "$apt_directory/archives/partial"
	: >"$apt_directory/status"
	cat >"$apt_directory/apt.conf" <<END
Dir::State "$apt_directory";
Dir::State::Lists "$apt_directory/lists";
Dir::State::status "$apt_directory/status";
Dir::Cache "$apt_directory";
Dir::Cache::archives "$apt_directory/archives";
Dir::Etc::SourceList "$apt_directory/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "$2";
APT::Architectures "$2";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
END
	if [ -z "$(find "$apt_directory/updated" -mtime -7 2>/dev/null)" ]; then
		echo "apt: fetching package lists ($3, $2)" >&2
		apt_update "$3" "${4:-deb}" || return 1
	fi
}

apt_run()
{
	APT_CONFIG="$apt_directory/apt.conf" "$@"
}
