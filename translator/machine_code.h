// Host code on its way from IR to molecules: atoms whose registers may still be virtual.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>
#include <vector>

#include "isa-host/atom.h"
#include "translator/ir/ir.h"

namespace chrysalis::translator {

/// A register operand: 0..63 host integer, 64..127 host floating point, from kFirstVirtual on virtual
/// (integer). kNoReg: the field is unused.
using Reg = uint16_t;
inline constexpr Reg kFirstVirtual = 128;
inline constexpr Reg kNoReg = 0xffff;
constexpr bool is_virtual(Reg reg) { return reg >= kFirstVirtual && reg != kNoReg; }
constexpr Reg virtual_register(unsigned index) { return static_cast<Reg>(kFirstVirtual + index); }

/// What a branch target, or an address literal, stands for until the code has its place.
enum class Target : uint8_t {
  None,
  Label,          ///< code label `target`; of the firmware, a block
  Local,          ///< molecule `target` of the same compiled region
  Path,           ///< path `target` of the same tree
  GuestExit,      ///< guest address `target`, committed: another translation once chained, until then a link stub
  GuestReturn,    ///< where the call returns to that leaves here: guest address `target`, otherwise as GuestExit
  GuestIndirect,  ///< guest address in r8, committed: who looks for the translation
  GuestTrap,      ///< roll back and leave to the interpreter, which finds what raises the exception
  Leave,          ///< to the monitor: guest address in r8, committed; number of the exit in r30
};

/// One atom before register assignment. Operands mean what the atom's row says; `f` is the register that
/// its fd field names.
struct MachOp {
  isa::Op op = isa::Op::Nop;
  isa::Mode mode = isa::Mode::Register;
  isa::Cond cond = isa::Cond::O;
  uint8_t scale = 0;
  uint8_t alias = 0;
  Target target_kind = Target::None;
  uint16_t count = 0;
  uint16_t guest = 0;       ///< guest instruction that it belongs to, Inst::guest
  Reg d = kNoReg, a = kNoReg, b = kNoReg, c = kNoReg, f = kNoReg;
  int32_t point = -1;   ///< index of the register map that holds here, or -1
  int32_t id = 0;           ///< place in the code as generated; operations inserted later have their neighbour's
  int32_t stub = -1;        ///< of a side exit: number of the stub that it goes to in place of `target`, or -1
  int32_t hoist_limit = -1; ///< may execute before exits whose id is above this; kNeverHoist: before none
  ir::ValueId base = ir::kNoValue;  ///< of loads and stores: what the address is relative to
  uint8_t size = 0;                 ///< of loads and stores: bytes
  uint16_t cycle = 0;               ///< when it issues by the first scheduling, and
  uint16_t latest = kUnplanned;     ///< when it has to at the latest for the last one to be on time
  static constexpr uint16_t kUnplanned = 0xffff;  ///< no scheduling has seen it
  int64_t offset = 0;               ///< of loads and stores: displacement from `base`
  int64_t imm = 0;
  int64_t target = 0;
};

/// What allocation and scheduling know of a virtual register.
struct VirtualRegister {
  bool flags_class = false;   ///< must be one of r9..r15
  bool is_const = false;      ///< a constant that a map may deliver without a register of its own
  int64_t constant = 0;
};

/// Base of an access of which nothing is known, and of accesses to spill slots, which nothing else overlaps.
inline constexpr ir::ValueId kUnknownBase = 0xfffd;
inline constexpr ir::ValueId kSpillSlots = 0xfffe;

inline constexpr int32_t kNeverHoist = 0x7fffffff;

/// A register that the last exit's map expects, and the virtual register that is to be there.
struct Delivery {
  uint16_t index;  ///< of the virtual register
  uint8_t reg;
};

/// An operation that makes what the last exit expects in a register, best once nobody needs that register's entry value any more.
struct Homecoming {
  uint16_t entry;  ///< virtual register of the entry value
  uint16_t op;     ///< index into MachineCode::ops, as generated
};

struct MachineCode {
  std::vector<MachOp> ops;               ///< in program order
  std::vector<VirtualRegister> virtuals;
  int32_t last_point = -1;               ///< the last exit's map
  std::vector<Delivery> last_map;        ///< takes its place: all its values have registers, each one of its own
  std::vector<Homecoming> homecomings;   ///< constants and copies made for it
  unsigned kept_entries = 0;             ///< alias entries 0 to kept_entries - 1 serve ir::Op::Keep

  Reg new_virtual(bool flags_class = false) {
    virtuals.push_back({flags_class, false, 0});
    return virtual_register(static_cast<unsigned>(virtuals.size() - 1));
  }
};

/// Registers that `op` reads and writes, in the numbering of Reg. r63 is left out.
struct OpRegs {
  Reg reads[6];
  Reg writes[2];
  uint8_t read_count = 0, write_count = 0;
};

namespace detail {

/// The operand fields that an atom reads and writes, a bit each, in a table small enough to stay in the cache.
enum RegisterField : uint8_t { kReadA = 1, kReadB = 2, kReadM = 4, kReadC = 8, kReadD = 16, kReadF = 32, kWriteD = 64, kWriteF = 128 };

constexpr uint8_t register_fields(const isa::AtomInfo& row) {
  unsigned fields = 0;
  if (row.uses(isa::kReadsRa | isa::kReadsVa)) fields |= kReadA;
  if (row.uses(isa::kReadsRb | isa::kReadsVb)) fields |= kReadB;
  if (row.uses(isa::kReadsRm)) fields |= kReadM;
  if (row.uses(isa::kReadsRc)) fields |= kReadC;
  if (row.uses(isa::kReadsRd | isa::kReadsVd)) fields |= kReadD;
  if (row.has(isa::kReadsFd)) fields |= kReadF;
  if (row.uses(isa::kWritesRd | isa::kWritesVd)) fields |= kWriteD;
  if (row.has(isa::kWritesFd)) fields |= kWriteF;
  return static_cast<uint8_t>(fields);
}

struct RegisterFields {
  uint8_t of[isa::kOps];
};
inline constexpr RegisterFields kRegisterFields = [] {
  RegisterFields table{};
  for (unsigned op = 0; op < isa::kOps; ++op) table.of[op] = register_fields(isa::kAtomInfo[op]);
  return table;
}();

}  // namespace detail

inline OpRegs registers_of(const MachOp& op) {
  const unsigned fields = detail::kRegisterFields.of[static_cast<unsigned>(op.op)];
  OpRegs out;
  // Stores first and counts after: no branch for operands that are absent.
  const auto read = [&](unsigned field, Reg reg) {
    out.reads[out.read_count] = reg;
    out.read_count = static_cast<uint8_t>(out.read_count + ((fields & field) != 0 && reg != isa::kZero && reg != kNoReg));
  };
  const auto write = [&](unsigned field, Reg reg) {
    out.writes[out.write_count] = reg;
    out.write_count = static_cast<uint8_t>(out.write_count + ((fields & field) != 0 && reg != isa::kZero && reg != kNoReg));
  };
  read(detail::kReadA, op.a);
  read(op.mode == isa::Mode::Register ? detail::kReadB | detail::kReadM : detail::kReadB, op.b);
  read(detail::kReadC, op.c);
  read(detail::kReadD, op.d);
  read(detail::kReadF, op.f);
  write(detail::kWriteD, op.d);
  // A third place is never written: at most two fields are.
  if (fields & detail::kWriteF) write(detail::kWriteF, op.f);
  return out;
}

/// False only if the two accesses, to the same address space, certainly touch different bytes. `stack`: Region::stack.
inline bool may_overlap(const MachOp& a, const MachOp& b, ir::ValueId stack) {
  if (a.base == kUnknownBase || b.base == kUnknownBase) return true;
  if (a.base == b.base) {  // guest addresses wrap at 2^32
    const auto ahead = static_cast<uint32_t>(b.offset - a.offset), behind = static_cast<uint32_t>(a.offset - b.offset);
    return ahead < a.size || behind < b.size;
  }
  if (a.base == kSpillSlots || b.base == kSpillSlots) return false;
  if (stack == ir::kNoValue) return true;
  return !((a.base == stack && b.base == ir::kNoValue) || (b.base == stack && a.base == ir::kNoValue));
}

// The alias hardware. A load under protection records its bytes in an entry; a store that is checked raises an event if it
// touches the bytes of an entry in its mask.

/// Whether the guest load `op` can be (or is) one under protection: those that extend the sign have no such form.
bool can_protect(const MachOp& op);
void protect(MachOp& load, unsigned entry);

/// Whether the guest store `op` can be (or is) one that is checked.
bool can_check(const MachOp& op);
/// Adds `mask` to the entries that the store is checked against.
void check(MachOp& store, unsigned mask);
/// True if the store takes a literal word that it would not take without being checked.
bool check_needs_literal(const MachOp& store);

}  // namespace chrysalis::translator
