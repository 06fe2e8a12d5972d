/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine like the JH7110, for QEMU 7.2: what U-Boot, Linux and Selene touch on the way from a card to a shell.
 *
 * Written from the registers' public descriptions: the SD hosts are modelled (PIO and internal DMA), clocks, resets
 * and pins only remember what was written to them. README.md says what this cannot show.
 */

/* QEMU wants this one first, so it stands in a block of its own, where sorting leaves it. */
#include "qemu/osdep.h"

#include "exec/address-spaces.h"
#include "hw/boards.h"
#include "hw/char/serial.h"
#include "hw/cpu/cluster.h"
#include "hw/intc/riscv_aclint.h"
#include "hw/intc/sifive_plic.h"
#include "hw/irq.h"
#include "hw/misc/unimp.h"
#include "hw/qdev-properties.h"
#include "hw/riscv/boot.h"
#include "hw/riscv/riscv_hart.h"
#include "hw/sd/sd.h"
#include "hw/sysbus.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/units.h"
#include "sysemu/blockdev.h"
#include "sysemu/device_tree.h"
#include "sysemu/sysemu.h"

/* The DesignWare SD host. */
#define TYPE_DW_MSHC "dw-mshc"
OBJECT_DECLARE_SIMPLE_TYPE(DwMshc, DW_MSHC)
#define FIFO_WORDS 32
struct DwMshc {
	SysBusDevice parent;
	MemoryRegion mr;
	SDBus sdbus;
	qemu_irq irq;
	uint32_t r[0x100 / 4];
	uint32_t rint, idsts;
	uint32_t left; /* bytes still to move between card and fifo/dma */
	bool is_write, in_data, ciu_clk;
	uint32_t fifo[FIFO_WORDS];
	unsigned fhead, fcnt;
};

enum {
	CTRL = 0,
	PWREN = 1,
	CLKDIV = 2,
	CLKSRC = 3,
	CLKENA = 4,
	TMOUT = 5,
	CTYPE = 6,
	BLKSIZ = 7,
	BYTCNT = 8,
	INTMASK = 9,
	CMDARG = 10,
	CMD = 11,
	RESP0 = 12,
	MINTSTS = 16,
	RINTSTS = 17,
	STATUS = 18,
	FIFOTH = 19,
	CDETECT = 20,
	WRTPRT = 21,
	VERID = 27,
	HCON = 28,
	BMOD = 32,
	PLDMND = 33,
	DBADDR = 34,
	IDSTS = 35,
	IDINTEN = 36,
	DSCADDR = 37,
	BUFADDR = 38
};

#define I_RE   2u
#define I_CD   4u
#define I_DTO  8u
#define I_TXDR 0x10u
#define I_RXDR 0x20u
#define I_RTO  0x100u
#define I_HLE  0x1000u
#define I_ACD  0x4000u

static void dw_irq(DwMshc *s)
{
	bool l = (s->r[CTRL] & 0x10) &&
		 ((s->rint & s->r[INTMASK]) || (s->idsts & s->r[IDINTEN] & 0x337));
	qemu_set_irq(s->irq, l);
}

static void dw_data_done(DwMshc *s)
{
	s->in_data = false;
	s->rint |= I_DTO;
	if (s->r[CMD] & (1u << 12)) {
		SDRequest q = { .cmd = 12 };
		uint8_t resp[16];
		sdbus_do_command(&s->sdbus, &q, resp);
		s->r[RESP0 + 1] = ldl_be_p(resp);
		s->rint |= I_ACD;
	}
}

static void dw_fill(DwMshc *s) /* card -> fifo */
{
	while (s->in_data && !s->is_write && s->left && s->fcnt < FIFO_WORDS) {
		uint32_t w;
		sdbus_read_data(&s->sdbus, &w, 4);
		s->fifo[(s->fhead + s->fcnt++) % FIFO_WORDS] = le32_to_cpu(w);
		s->left -= MIN(4, s->left);
	}
	if (s->in_data && !s->is_write && !s->left) {
		dw_data_done(s);
	}
	if (!s->is_write && s->fcnt > ((s->r[FIFOTH] >> 16) & 0xfff)) {
		s->rint |= I_RXDR;
	}
}

static void dw_idmac(DwMshc *s)
{
	hwaddr d = s->r[DBADDR];
	uint8_t *buf = g_malloc(8192);
	for (int guard = 0; s->left && guard < 65536; guard++) {
		uint32_t ds[4];
		dma_addr_t a[2];
		uint32_t n[2];
		address_space_read(&address_space_memory, d, MEMTXATTRS_UNSPECIFIED, ds, 16);
		for (int i = 0; i < 4; i++) {
			ds[i] = le32_to_cpu(ds[i]);
		}
		if (!(ds[0] & (1u << 31))) { /* not ours: descriptor unavailable */
			s->idsts |= (1u << 4) | (1u << 9);
			goto out;
		}
		n[0] = ds[1] & 0x1fff;
		n[1] = (ds[0] & 0x10) ? 0 : (ds[1] >> 13) & 0x1fff;
		a[0] = ds[2];
		a[1] = ds[3];
		for (int i = 0; i < 2; i++) {
			uint32_t c = MIN(n[i], s->left);
			MemTxResult rr;
			if (!c) {
				continue;
			}
			if (s->is_write) {
				rr = address_space_read(&address_space_memory, a[i],
							MEMTXATTRS_UNSPECIFIED, buf, c);
				sdbus_write_data(&s->sdbus, buf, c);
			} else {
				sdbus_read_data(&s->sdbus, buf, c);
				rr = address_space_write(&address_space_memory, a[i],
							 MEMTXATTRS_UNSPECIFIED, buf, c);
			}
			if (rr != MEMTX_OK) { /* fatal bus error */
				s->idsts |= 4 | (1u << 9);
			}
			s->left -= c;
		}
		ds[0] &= ~(1u << 31);
		ds[0] = cpu_to_le32(ds[0]);
		address_space_write(&address_space_memory, d, MEMTXATTRS_UNSPECIFIED, ds, 4);
		if (le32_to_cpu(ds[0]) & 4) { /* the last descriptor */
			break;
		}
		d = (le32_to_cpu(ds[0]) & 0x10) ? ds[3] : d + 16;
	}
	s->idsts |= (s->is_write ? 1 : 2) | (1u << 8);
	if (s->left) {
		qemu_log_mask(LOG_GUEST_ERROR, "dw-mshc: descriptors end %u bytes short\n",
			      s->left);
	} else {
		dw_data_done(s);
	}
out:
	g_free(buf);
}

static void dw_cmd(DwMshc *s, uint32_t v)
{
	uint8_t resp[16] = {};
	SDRequest q = { .cmd = v & 63, .arg = s->r[CMDARG] };
	int n;
	if (v & (1u << 21)) {
		s->ciu_clk = s->r[CLKENA] & 1;
		return;
	}
	if (!s->ciu_clk || !(s->r[PWREN] & 1)) {
		qemu_log_mask(LOG_GUEST_ERROR, "dw-mshc: CMD%d with card clock/power off\n", q.cmd);
		s->rint |= I_CD | I_RTO;
		return;
	}
	if (v & (1u << 14)) {
		s->in_data = false;
		s->left = 0;
	}
	n = sdbus_do_command(&s->sdbus, &q, resp);
	s->rint |= I_CD;
	if (v & (1u << 6)) {
		if (n == 0) {
			s->rint |= I_RTO;
		} else if ((v & (1u << 7)) && n == 16) {
			for (int i = 0; i < 4; i++) {
				s->r[RESP0 + i] = ldl_be_p(resp + 12 - 4 * i);
			}
		} else if (!(v & (1u << 7)) && n == 4) {
			s->r[RESP0] = ldl_be_p(resp);
		} else {
			s->rint |= I_RE;
		}
	}
	if ((v & (1u << 9)) && !(s->rint & (I_RTO | I_RE))) {
		s->left = s->r[BYTCNT];
		s->is_write = v & (1u << 10);
		s->in_data = true;
		if ((s->r[CTRL] & (1u << 25)) && (s->r[BMOD] & 0x80)) {
			dw_idmac(s);
		} else if (!s->is_write) {
			dw_fill(s);
		} else {
			s->rint |= I_TXDR;
		}
	}
}

static uint64_t dw_read(void *o, hwaddr a, unsigned sz)
{
	DwMshc *s = o;
	uint32_t v;
	if (a >= 0x200) {
		if (s->fcnt) {
			v = s->fifo[s->fhead];
			s->fhead = (s->fhead + 1) % FIFO_WORDS;
			s->fcnt--;
			dw_fill(s);
			dw_irq(s);
			return v;
		}
		qemu_log_mask(LOG_GUEST_ERROR, "dw-mshc: fifo underrun\n");
		s->rint |= 0x800;
		return 0;
	}
	if (a >= 0x100) {
		return 0;
	}
	switch (a / 4) {
	case MINTSTS:
		return s->rint & s->r[INTMASK];
	case RINTSTS:
		return s->rint;
	case IDSTS:
		return s->idsts;
	case STATUS:
		v = s->fcnt << 17 | (s->fcnt == 0) << 2 | (s->fcnt == FIFO_WORDS) << 3;
		if (s->is_write && s->in_data) {
			v |= 2;
		}
		v |= sdbus_get_inserted(&s->sdbus) ? 0x100 : 0;
		return v;
	case CDETECT:
		return !sdbus_get_inserted(&s->sdbus);
	case WRTPRT:
		return sdbus_get_readonly(&s->sdbus);
	case VERID:
		return 0x5342290a;
	case HCON:
		return (1 << 0) | (1 << 7) | (9 << 10);
	}
	return s->r[a / 4];
}

static void dw_write(void *o, hwaddr a, uint64_t v, unsigned sz)
{
	DwMshc *s = o;
	if (a >= 0x200) {
		if (s->in_data && s->is_write) {
			uint32_t w = cpu_to_le32(v);
			uint32_t c = MIN(4, s->left);
			sdbus_write_data(&s->sdbus, &w, c);
			s->left -= c;
			if (s->left) {
				s->rint |= I_TXDR;
			} else {
				dw_data_done(s);
			}
		}
		dw_irq(s);
		return;
	}
	if (a >= 0x100) {
		return;
	}
	switch (a / 4) {
	case CTRL:
		if (v & 3) {
			s->fcnt = s->fhead = 0;
		}
		if (v & 1) {
			s->in_data = false;
			s->rint = 0;
		}
		s->r[CTRL] = v & ~7u;
		break;
	case RINTSTS:
		s->rint &= ~v;
		dw_fill(s);
		break;
	case IDSTS:
		s->idsts &= ~v;
		break;
	case BMOD:
		if (v & 1) {
			s->idsts = 0;
		}
		s->r[BMOD] = v & ~1u;
		break;
	case CMD:
		s->r[CMD] = v & ~(1u << 31);
		if (v & (1u << 31)) {
			dw_cmd(s, v);
		}
		break;
	case PLDMND:
		if (s->in_data && (s->r[BMOD] & 0x80)) {
			dw_idmac(s);
		}
		break;
	case MINTSTS:
	case STATUS:
	case VERID:
	case HCON:
	case CDETECT:
		break;
	default:
		s->r[a / 4] = v;
	}
	dw_irq(s);
}

static const MemoryRegionOps dw_ops = { .read = dw_read,
					.write = dw_write,
					.endianness = DEVICE_LITTLE_ENDIAN,
					.valid = { .min_access_size = 1, .max_access_size = 8 },
					.impl = { .min_access_size = 4, .max_access_size = 4 } };
static void dw_init(Object *o)
{
	DwMshc *s = DW_MSHC(o);
	memory_region_init_io(&s->mr, o, &dw_ops, s, TYPE_DW_MSHC, 0x10000);
	sysbus_init_mmio(SYS_BUS_DEVICE(o), &s->mr);
	sysbus_init_irq(SYS_BUS_DEVICE(o), &s->irq);
	qbus_init(&s->sdbus, sizeof(s->sdbus), TYPE_SD_BUS, DEVICE(o), "sd-bus");
	s->r[FIFOTH] = (FIFO_WORDS - 1) << 16;
}

static const TypeInfo dw_info = { .name = TYPE_DW_MSHC,
				  .parent = TYPE_SYS_BUS_DEVICE,
				  .instance_size = sizeof(DwMshc),
				  .instance_init = dw_init };

/*
 * Registers that remember. Of the @words words at @assert_off, the resets asserted, the complement is read at
 * @status_off, as from the clock and reset generators.
 */
typedef struct {
	MemoryRegion mr;
	uint32_t *r;
	uint32_t assert_off, status_off, words;
} RegFile;
static uint64_t rf_read(void *o, hwaddr a, unsigned sz)
{
	RegFile *f = o;
	if (f->words && a >= f->status_off && a < f->status_off + 4 * f->words) {
		return ~f->r[(a - f->status_off + f->assert_off) / 4];
	}
	return f->r[a / 4];
}

static void rf_write(void *o, hwaddr a, uint64_t v, unsigned sz)
{
	((RegFile *)o)->r[a / 4] = v;
}

static const MemoryRegionOps rf_ops = { .read = rf_read,
					.write = rf_write,
					.endianness = DEVICE_LITTLE_ENDIAN,
					.valid = { .min_access_size = 1, .max_access_size = 8 },
					.impl = { .min_access_size = 4, .max_access_size = 4 } };
static RegFile *regfile(const char *n, hwaddr base, uint64_t size, uint32_t ao, uint32_t so,
			uint32_t words)
{
	RegFile *f = g_new0(RegFile, 1);
	f->r = g_malloc0(size);
	f->assert_off = ao;
	f->status_off = so;
	f->words = words;
	memory_region_init_io(&f->mr, NULL, &rf_ops, f, n, size);
	memory_region_add_subregion(get_system_memory(), base, &f->mr);
	return f;
}

/* The machine. */
#define DRAM 0x40000000ull
static void jh7110_init(MachineState *m)
{
	MemoryRegion *sys = get_system_memory(), *rom = g_new(MemoryRegion, 1);
	DeviceState *ecl = qdev_new(TYPE_CPU_CLUSTER), *ucl = qdev_new(TYPE_CPU_CLUSTER), *plic;
	DeviceState *e = qdev_new(TYPE_RISCV_HART_ARRAY), *u = qdev_new(TYPE_RISCV_HART_ARRAY);
	int ncpu = m->smp.cpus;
	char *cfg;
	RegFile *f;
	target_ulong fw_end, kstart, kentry;
	uint32_t fdt_addr;
	qdev_prop_set_uint32(ecl, "cluster-id", 0);
	qdev_prop_set_uint32(ucl, "cluster-id", 1);
	object_property_add_child(OBJECT(m), "ecl", OBJECT(ecl));
	object_property_add_child(OBJECT(m), "ucl", OBJECT(ucl));
	object_property_add_child(OBJECT(ecl), "e", OBJECT(e));
	object_property_add_child(OBJECT(ucl), "u", OBJECT(u));
	qdev_prop_set_uint32(e, "num-harts", 1);
	qdev_prop_set_uint32(e, "hartid-base", 0);
	qdev_prop_set_string(e, "cpu-type", TYPE_RISCV_CPU_SIFIVE_E51);
	qdev_prop_set_uint64(e, "resetvec", 0x2a000000);
	qdev_prop_set_uint32(u, "num-harts", ncpu - 1);
	qdev_prop_set_uint32(u, "hartid-base", 1);
	qdev_prop_set_string(u, "cpu-type", m->cpu_type);
	qdev_prop_set_uint64(u, "resetvec", 0x2a000000);
	sysbus_realize(SYS_BUS_DEVICE(e), &error_fatal);
	sysbus_realize(SYS_BUS_DEVICE(u), &error_fatal);
	qdev_realize(ecl, NULL, &error_fatal);
	qdev_realize(ucl, NULL, &error_fatal);
	memory_region_add_subregion(sys, DRAM, m->ram);
	memory_region_init_rom(rom, NULL, "jh7110.rom", 0x8000, &error_fatal);
	memory_region_add_subregion(sys, 0x2a000000, rom);
	create_unimplemented_device("jh7110.lo", 0x02010000, 0x0a000000 - 0x10000);
	create_unimplemented_device("jh7110.periph", 0x10000000, 0x1a000000);
	create_unimplemented_device("jh7110.hi", 0x2a008000, 0x15ff8000);
	create_unimplemented_device("jh7110.pcie", 0x900000000ull, 0x200000000ull);
	riscv_aclint_swi_create(0x2000000, 0, ncpu, false);
	riscv_aclint_mtimer_create(0x2004000, RISCV_ACLINT_DEFAULT_MTIMER_SIZE, 0, ncpu,
				   RISCV_ACLINT_DEFAULT_MTIMECMP, RISCV_ACLINT_DEFAULT_MTIME,
				   4000000, true);
	cfg = riscv_plic_hart_config_string(ncpu);
	/* In QEMU 7.2 the base of the priorities is that of source 1. */
	plic = sifive_plic_create(0xc000000, cfg, ncpu, 0, 137, 7, 0x4, 0x1000, 0x2000, 0x80,
				  0x200000, 0x1000, 0x4000000);
	serial_mm_init(sys, 0x10000000, 2, qdev_get_gpio_in(plic, 32), 115200, serial_hd(0),
		       DEVICE_LITTLE_ENDIAN);
	f = regfile("syscrg", 0x13020000, 0x10000, 0x2f8, 0x308, 4);
	for (int i = 0; i < 190; i++) {
		f->r[i] = 0x80000001;
	}
	f->r[0] = 0x01000000;
	f->r[5] = 0x01000000;
	f->r[7] = 3;
	f->r[8] = 2;
	f->r[93] = f->r[94] = 0x80000002;
	f = regfile("sys_syscon", 0x13030000, 0x1000, 0, 0, 0);
	f->r[0x18 / 4] = 0x03000000;
	f->r[0x1c / 4] = 125;
	f->r[0x24 / 4] = 3 | (3 << 15) | (533 << 17);
	f->r[0x2c / 4] = 12 | (3 << 15) | (99 << 17);
	f->r[0x34 / 4] = 2;
	regfile("sys_iomux", 0x13040000, 0x10000, 0, 0, 0);
	regfile("stgcrg", 0x10230000, 0x10000, 0x74, 0x78, 1);
	regfile("stg_syscon", 0x10240000, 0x1000, 0, 0, 0);
	regfile("aoncrg", 0x17000000, 0x10000, 0x38, 0x3c, 1);
	regfile("aon_syscon", 0x17010000, 0x1000, 0, 0, 0);
	regfile("aon_iomux", 0x17020000, 0x10000, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		DeviceState *d = qdev_new(TYPE_DW_MSHC);
		DriveInfo *di = drive_get(IF_SD, 0, i == 1 ? 0 : 1);
		sysbus_realize_and_unref(SYS_BUS_DEVICE(d), &error_fatal);
		sysbus_mmio_map(SYS_BUS_DEVICE(d), 0, i ? 0x16020000 : 0x16010000);
		sysbus_connect_irq(SYS_BUS_DEVICE(d), 0, qdev_get_gpio_in(plic, i ? 75 : 74));
		if (di) {
			DeviceState *c = qdev_new(TYPE_SD_CARD);
			qdev_prop_set_drive_err(c, "drive", blk_by_legacy_dinfo(di), &error_fatal);
			qdev_realize_and_unref(c, qdev_get_child_bus(d, "sd-bus"), &error_fatal);
		}
	}
	if (!m->kernel_filename || !m->dtb) {
		error_report("jh7110: give -kernel and -dtb");
		exit(1);
	}
	int sz;
	m->fdt = load_device_tree(m->dtb, &sz);
	if (!m->fdt) {
		exit(1);
	}
	if (m->kernel_cmdline && *m->kernel_cmdline) {
		qemu_fdt_setprop_string(m->fdt, "/chosen", "bootargs", m->kernel_cmdline);
	}
	fw_end = riscv_find_and_load_firmware(m, RISCV64_BIOS_BIN, DRAM, NULL);
	kstart = riscv_calc_kernel_start_addr((RISCVHartArrayState *)u, fw_end);
	kentry = riscv_load_kernel(m->kernel_filename, kstart, NULL);
	if (m->initrd_filename) {
		hwaddr s0, s1 = riscv_load_initrd(m->initrd_filename, 2 * GiB, kentry, &s0);
		qemu_fdt_setprop_cell(m->fdt, "/chosen", "linux,initrd-start", s0);
		qemu_fdt_setprop_cell(m->fdt, "/chosen", "linux,initrd-end", s1);
	}
	fdt_addr = riscv_load_fdt(DRAM, m->ram_size, m->fdt);
	riscv_setup_rom_reset_vec(m, (RISCVHartArrayState *)u, DRAM, 0x2a000000, 0x8000, kentry,
				  fdt_addr);
}

static void jh7110_class_init(ObjectClass *oc, void *d)
{
	MachineClass *mc = MACHINE_CLASS(oc);
	mc->desc = "Like StarFive's JH7110";
	mc->init = jh7110_init;
	mc->max_cpus = 5;
	mc->min_cpus = 2;
	mc->default_cpus = 5;
	mc->default_ram_id = "jh7110.ram";
	mc->default_cpu_type = TYPE_RISCV_CPU_BASE64;
	mc->default_ram_size = 4 * GiB;
	mc->block_default_type = IF_SD;
}

static const TypeInfo jh7110_info = { .name = MACHINE_TYPE_NAME("jh7110"),
				      .parent = TYPE_MACHINE,
				      .class_init = jh7110_class_init };
static void jh7110_register(void)
{
	type_register_static(&dw_info);
	type_register_static(&jh7110_info);
}
type_init(jh7110_register)
