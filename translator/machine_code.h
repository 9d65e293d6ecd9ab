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
  int32_t hoist_limit = -1; ///< may execute before exits whose id is above this; kNeverHoist: before none
  ir::ValueId base = ir::kNoValue;  ///< of loads and stores: what the address is relative to
  uint8_t size = 0;                 ///< of loads and stores: bytes
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

struct MachineCode {
  std::vector<MachOp> ops;               ///< in program order
  std::vector<VirtualRegister> virtuals;

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
OpRegs registers_of(const MachOp& op);

}  // namespace chrysalis::translator
