# packages: tcl ruby nodejs coreutils
# options: --mem 2G
# seconds: 900
# Languages with run-time systems of their own: threads, event loops, compilers at run time.
### tcl
tclsh <<'X'
puts [expr {6 * 7}]; foreach x {c a b} { lappend l $x }; puts [lsort $l]; puts [string toupper hello]
set f [open out w]; puts $f "line"; close $f; puts [file size out]; puts [exec cat out]; puts [exec sh -c {echo child; exit 0}]
proc fib n { if {$n < 2} { return $n }; expr {[fib [expr {$n - 1}]] + [fib [expr {$n - 2}]]} }; puts [fib 15]
after 50 { set done 1 }; vwait done; puts done; set p [open "|cat" r+]; puts $p piped; close $p write; puts [gets $p]; puts [catch { open /none } why]; puts $why
X
### ruby
ruby -e 'puts [3,1,2].sort.inspect; puts (1..10).sum; puts "x".encoding; h = {a: 1}; p h; t = 4.times.map { |i| Thread.new { (1..1000).sum * i } }; p t.map(&:value)'
ruby -e 'r, w = IO.pipe; pid = fork { r.close; w.puts "from child"; exit!(3) }; w.close; puts r.read; Process.wait pid; p $?.exitstatus; puts `echo sub`; p Process.clock_gettime(Process::CLOCK_MONOTONIC) > 0'
ruby -rsocket -e 's = UNIXServer.new("sock"); t = Thread.new { c = s.accept; c.puts c.gets.upcase; c.close }; c = UNIXSocket.new("sock"); c.puts "hello"; puts c.gets; t.join; q = Queue.new; 3.times { |i| Thread.new { q << i } }; p 3.times.map { q.pop }.sort; trap("USR1") { puts "usr1" }; Process.kill("USR1", $$); sleep 0.1'
ruby -e 'f = Fiber.new { Fiber.yield 1; 2 }; p f.resume, f.resume; GC.start; p ObjectSpace.count_objects[:TOTAL] > 0; p File.stat("/proc/self").directory?; r = Ractor.new { 6 * 7 } rescue nil; Dir.mkdir("d"); p Dir.children(".").sort; raise "end"' 2>&1 | sed 's/.*: end/end/' | grep -v -i ractor
### nodejs
node -e 'console.log(process.platform, process.arch, [1,2,3].map(x => x * x).join()); setTimeout(() => console.log("timer"), 20); setImmediate(() => console.log("immediate")); process.nextTick(() => console.log("tick")); Promise.resolve().then(() => console.log("promise"))'
node -e 'const { Worker, isMainThread } = require("worker_threads"); const w = new Worker("require(\"worker_threads\").parentPort.postMessage(6 * 7)", { eval: true }); w.on("message", m => console.log("worker", m)); w.on("exit", c => console.log("exit", c))'
node -e 'const fs = require("fs"), cp = require("child_process"), net = require("net"); fs.writeFileSync("f", "data"); console.log(fs.readFileSync("f", "utf8"), fs.statSync("f").size); console.log(cp.execSync("echo child").toString().trim()); const s = net.createServer(c => c.pipe(c)).listen("sock", () => { const c = net.connect("sock"); c.write("echo"); c.on("data", d => { console.log(d.toString()); c.end(); s.close(); }); }); cp.spawn("sh", ["-c", "exit 3"]).on("exit", c => console.log("status", c)); fs.watch(".", { persistent: false }, () => {})' | sort
node -e 'let n = 0; for (let i = 0; i < 3e6; i++) n = (n * 31 + i) | 0; console.log(n); console.log(require("crypto").createHash("sha256").update("selene").digest("hex").slice(0, 16)); console.log(require("zlib").gzipSync("x".repeat(10000)).length < 100); fail()' 2>&1 | grep -v '^ \|^$\|^Node\|\^'
