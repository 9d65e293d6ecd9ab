// What the lifter's families share: emitting operations, and the operands of an instruction.
#pragma once

#include <cstdint>

#include "translator/ir/ir.h"
#include "x86-frontend/helpers.h"
#include "x86-frontend/lift.h"

namespace chrysalis::x86 {

using ir::Cond;
using ir::GuestReg;
using ir::Op;
using V = ir::ValueId;
inline constexpr V kNone = ir::kNoValue;

enum FlagBit : uint32_t {
  kCf = 1, kPf = 4, kAf = 0x10, kZf = 0x40, kSf = 0x80, kOf = 0x800,
  kArithmeticFlags = kCf | kPf | kAf | kZf | kSf | kOf,
  kTf = 0x100, kIf = 0x200, kDf = 0x400, kNt = 0x4000, kRf = 0x10000, kVm = 0x20000, kAc = 0x40000, kId = 0x200000,
};

enum Vector : uint8_t { kDivideError = 0, kDebug = 1, kBreakpoint = 3, kOverflow = 4, kBoundRange = 5, kUndefined = 6, kProtection = 13, kFloatingPoint = 16 };

/// A value and the flags image that goes with it.
struct ValueFlags {
  V value, flags;
};

/// Where an operand in memory lies: address + displacement, modulo 2^32.
struct Place {
  V address;
  int64_t displacement;
};

/// One instruction being lifted. Values carry what the operation that made them says; `read` promises only the low
/// bits of the operand's width, `read_zext` and `read_sext` all 64.
class Lifter {
 public:
  Lifter(const DecodedInst& instruction, uint32_t eip, const LiftOptions& options, ir::Code& out, uint16_t* reloaded)
      : d(instruction), eip_(eip), options_(options), out_(out), reloaded_(reloaded) {}

  const DecodedInst& d;

  // -- emitting ----------------------------------------------------------------------------------------
  V constant(int64_t value);
  V op(Op op, unsigned width, V a = kNone, V b = kNone, V c = kNone, V e = kNone) {
    return emit(op, width, true, false, a, b, c, e).value;
  }
  V flags_of(Op op, unsigned width, V a = kNone, V b = kNone, V c = kNone, V e = kNone) {
    return emit(op, width, false, true, a, b, c, e).flags;
  }
  ValueFlags both(Op op, unsigned width, V a = kNone, V b = kNone, V c = kNone, V e = kNone) {
    return emit(op, width, true, true, a, b, c, e);
  }
  /// op(a, constant).
  V op_imm(Op o, unsigned width, V a, int64_t b) { return op(o, width, a, constant(b)); }
  /// width bits of: a + (b << scale) + displacement.
  V lea(unsigned width, V a, V b, unsigned scale, int64_t displacement);
  V set_cc(Cond cond, V flags);
  V select_cc(Cond cond, V flags, V if_true, V if_false);
  V select_nz(V condition, V if_true, V if_false) { return op(Op::SelectNz, 64, condition, if_true, if_false); }

  // -- guest registers -----------------------------------------------------------------------------------
  V get(GuestReg reg);
  void set(GuestReg reg, V value);
  V flags() { return get(GuestReg::Flags); }
  void set_flags(V value) { set(GuestReg::Flags, value); }
  /// The low `width` bits of general register `index`; index 4..7 at width 8 means AH CH DH BH. Upper bits of the
  /// value are arbitrary.
  V get_gpr(unsigned index, unsigned width);
  /// Writes the low `width` bits and keeps the others. At width 32 the value must be zero-extended.
  void set_gpr(unsigned index, unsigned width, V value);
  static GuestReg selector_of(SegmentRegister s) {
    return static_cast<GuestReg>(static_cast<unsigned>(GuestReg::EsSel) + static_cast<unsigned>(s));
  }
  static GuestReg base_of(SegmentRegister s) {
    return static_cast<GuestReg>(static_cast<unsigned>(GuestReg::EsBase) + static_cast<unsigned>(s));
  }

  // -- memory ----------------------------------------------------------------------------------------------
  enum class Access : uint8_t { Read, Write };
  /// Address of offset `offset` in `segment`, with the segment's base and its permission check.
  Place linear(SegmentRegister segment, V offset, int64_t displacement, Access access);
  V load(const Place& at, unsigned width, int64_t beyond = 0);
  void store(const Place& at, unsigned width, V value, int64_t beyond = 0);
  void probe_write(const Place& at, unsigned width);
  /// The place `displacement` from `esp` on the stack.
  Place stack(V esp, int64_t displacement, Access access) { return linear(SegmentRegister::Ss, esp, displacement, access); }
  /// Stores `value` below the stack pointer; returns the new stack pointer, for the caller to write.
  V push(V esp, unsigned width, V value);

  bool is_writable(SegmentRegister segment) const { return !(options_.unwritable_segments >> static_cast<unsigned>(segment) & 1); }

  // -- operands --------------------------------------------------------------------------------------------
  bool is_memory(unsigned i) const { return d.operands[i].kind == OperandKind::Memory; }
  bool is_register(unsigned i) const { return d.operands[i].kind == OperandKind::Register; }
  unsigned width(unsigned i) const { return d.operands[i].width; }
  int64_t immediate(unsigned i) const { return d.operands[i].imm; }
  unsigned operand_width() const { return d.operand_width; }
  unsigned address_width() const { return d.address_width; }
  bool is_relative(unsigned i) const { return d.operands[i].kind == OperandKind::Relative; }
  bool is_segment(unsigned i) const { return is_register(i) && d.operands[i].reg_class == RegisterClass::Segment; }
  SegmentRegister segment(unsigned i) const { return static_cast<SegmentRegister>(d.operands[i].reg); }
  /// The effective address of a memory operand, without segment: value + displacement, modulo 2^address_width.
  /// `esp_bias` is added to ESP where it is the base: POP computes its address after incrementing.
  Place effective_address(unsigned i, V extra = kNone, int64_t esp_bias = 0);
  /// The effective address in one value, zero-extended.
  V offset_of(unsigned i);
  Place place(unsigned i, Access access, V extra = kNone, int64_t esp_bias = 0);
  V read(unsigned i);
  V read_zext(unsigned i);
  V read_sext(unsigned i);
  /// Memory: stores. Register: writes. Registers only after everything that may fault.
  void write(unsigned i, V value);

  /// Reads operand i, which the instruction also writes; `finish_rmw` writes it.
  struct ReadModifyWrite {
    V value;
    Place at;
  };
  ReadModifyWrite begin_rmw(unsigned i, V extra = kNone);
  void finish_rmw(unsigned i, const ReadModifyWrite& operand, V value);

  // -- leaving ---------------------------------------------------------------------------------------------
  uint32_t eip() const { return eip_; }
  uint32_t next() const { return eip_ + d.length; }
  uint32_t relative_target(unsigned i) const { return truncated(next() + static_cast<uint32_t>(immediate(i))); }
  /// A branch target as the instruction pointer takes it: 16 bits with a 16-bit operand size.
  uint32_t truncated(uint32_t target) const { return operand_width() == 16 ? target & 0xffff : target; }
  void exit_to(uint32_t target, ir::ExitKind kind = ir::ExitKind::Jump);
  void exit_if(Cond cond, V value, uint32_t target);
  void exit_indirect(V target, ir::ExitKind kind);
  void trap(uint8_t vector, uint32_t error = 0);
  void trap_if(Cond cond, V value, uint8_t vector, uint32_t error = 0);
  void software_interrupt(uint8_t vector, bool gate_checked = true);
  /// A helper with a parameter and a second result.
  ValueFlags helper_pair(int64_t imm, V a, V b, V c, V e);
  V helper(HelperId id, V a = kNone, V b = kNone, V c = kNone);
  void unsupported();

  LiftStatus status() const { return status_; }

 private:
  ValueFlags emit(Op op, unsigned width, bool value, bool flags, V a, V b, V c, V e);
  ir::Inst& append(Op op, unsigned width);
  unsigned immediate_bytes(unsigned i) const;
  unsigned displacement_bytes() const;
  V reload(unsigned offset, unsigned bytes, bool is_signed);

  uint32_t eip_;
  const LiftOptions& options_;
  ir::Code& out_;
  uint16_t* const reloaded_;  ///< null: immediates and displacements are constants
  LiftStatus status_ = LiftStatus::Continues;
};

// One function per family; the mnemonic selects within it. Grouped by file as the SDM groups the instructions.

// lift_data.cpp
void lift_mov(Lifter& l);
void lift_extend(Lifter& l);          // MOVZX MOVSX
void lift_xchg(Lifter& l);
void lift_bswap(Lifter& l);
void lift_xadd(Lifter& l);
void lift_cmpxchg(Lifter& l);
void lift_cmpxchg8b(Lifter& l);
void lift_convert(Lifter& l);         // CBW CWDE CWD CDQ
void lift_cmov(Lifter& l, Cond cond);
void lift_setcc(Lifter& l, Cond cond);
void lift_lea(Lifter& l);
void lift_xlat(Lifter& l);
// lift_stack.cpp
void lift_push(Lifter& l);
void lift_pop(Lifter& l);
void lift_pusha(Lifter& l);
void lift_popa(Lifter& l);
void lift_pushf(Lifter& l);
void lift_popf(Lifter& l);
void lift_enter(Lifter& l);
void lift_leave(Lifter& l);
/// Writes Flags and SysFlags from an image as POPF and IRET do in user mode.
void write_eflags(Lifter& l, V image, unsigned width);
// lift_arith.cpp
void lift_binary(Lifter& l, Op op);   // ADD OR ADC SBB AND SUB XOR
void lift_compare(Lifter& l, Op op);  // CMP TEST: flags only
void lift_unary(Lifter& l, Op op);    // INC DEC NEG NOT
void lift_mul(Lifter& l);
void lift_imul(Lifter& l);
void lift_div(Lifter& l);
void lift_idiv(Lifter& l);
// lift_bcd.cpp
void lift_decimal_adjust(Lifter& l);  // DAA DAS
void lift_ascii_adjust(Lifter& l);    // AAA AAS
void lift_aam(Lifter& l);
void lift_aad(Lifter& l);
// lift_shift.cpp
void lift_shift(Lifter& l, Op op);
void lift_double_shift(Lifter& l, Op op);
// lift_bit.cpp
void lift_bit_test(Lifter& l, Op op);
void lift_bit_scan(Lifter& l, Op op);
// lift_string.cpp
void lift_string(Lifter& l);
// lift_control.cpp
void lift_jmp(Lifter& l);
void lift_jcc(Lifter& l, Cond cond);
void lift_jcxz(Lifter& l);
void lift_loop(Lifter& l);
void lift_call(Lifter& l);
void lift_ret(Lifter& l);
void lift_far_jmp(Lifter& l);
void lift_far_call(Lifter& l);
void lift_far_ret(Lifter& l);
void lift_iret(Lifter& l);
void lift_int(Lifter& l);             // INT n, INT3, INTO, INT1
void lift_bound(Lifter& l);
// lift_flags.cpp
void lift_flag_operation(Lifter& l);  // CLC STC CMC CLD STD LAHF SAHF SALC
// lift_segment.cpp
void lift_mov_segment(Lifter& l);
void lift_pop_segment(Lifter& l);
void lift_load_far_pointer(Lifter& l);  // LDS LES LFS LGS LSS
void lift_arpl(Lifter& l);
void lift_selector_query(Lifter& l);    // LAR LSL VERR VERW
// lift_system.cpp
void lift_cpuid(Lifter& l);
void lift_rdtsc(Lifter& l);
void lift_store_system(Lifter& l);      // SGDT SIDT SLDT STR SMSW
// lift_x87.cpp
void lift_x87(Lifter& l);

}  // namespace chrysalis::x86
