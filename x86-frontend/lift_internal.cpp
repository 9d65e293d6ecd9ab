#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

// -- emitting --------------------------------------------------------------------------------------------

ir::Inst& Lifter::append(Op op, unsigned width) {
  ir::Inst& inst = out_.insts.emplace_back();
  inst.op = op;
  inst.width = static_cast<uint8_t>(width);
  return inst;
}

ValueFlags Lifter::emit(Op op, unsigned width, bool value, bool flags, V a, V b, V c, V e) {
  ValueFlags result{kNone, kNone};
  if (value) result.value = out_.new_value();
  if (flags) result.flags = out_.new_value();
  ir::Inst& inst = append(op, width);
  inst.value = result.value;
  inst.flags = result.flags;
  inst.src[0] = a, inst.src[1] = b, inst.src[2] = c, inst.src[3] = e;
  return result;
}

V Lifter::constant(int64_t value) {
  const V v = emit(Op::Const, 64, true, false, kNone, kNone, kNone, kNone).value;
  out_.insts.back().imm = value;
  return v;
}

V Lifter::lea(unsigned width, V a, V b, unsigned scale, int64_t displacement) {
  const V v = op(Op::Lea, width, a, b);
  out_.insts.back().aux = static_cast<uint8_t>(scale);
  out_.insts.back().imm = displacement;
  return v;
}

V Lifter::set_cc(Cond cond, V flags) {
  const V v = op(Op::SetCc, 64, flags);
  out_.insts.back().cond = cond;
  return v;
}

V Lifter::select_cc(Cond cond, V flags, V if_true, V if_false) {
  const V v = op(Op::SelectCc, 64, flags, if_true, if_false);
  out_.insts.back().cond = cond;
  return v;
}

// -- guest registers -------------------------------------------------------------------------------------

V Lifter::get(GuestReg reg) {
  const V v = op(Op::GetReg, 64);
  out_.insts.back().aux = static_cast<uint8_t>(reg);
  return v;
}

void Lifter::set(GuestReg reg, V value) {
  ir::Inst& inst = append(Op::SetReg, 64);
  inst.aux = static_cast<uint8_t>(reg);
  inst.src[0] = value;
}

V Lifter::get_gpr(unsigned index, unsigned width) {
  if (width == 8 && index >= 4) return op(Op::ExtractH, 64, get(ir::gpr(index - 4)));
  return get(ir::gpr(index));
}

void Lifter::set_gpr(unsigned index, unsigned width, V value) {
  if (width == 32) {
    set(ir::gpr(index), value);
  } else if (width == 16) {
    set(ir::gpr(index), op(Op::InsertL16, 64, get(ir::gpr(index)), value));
  } else if (index < 4) {
    set(ir::gpr(index), op(Op::InsertL8, 64, get(ir::gpr(index)), value));
  } else {
    set(ir::gpr(index - 4), op(Op::InsertH8, 64, get(ir::gpr(index - 4)), value));
  }
}

// -- memory ----------------------------------------------------------------------------------------------

Place Lifter::linear(SegmentRegister segment, V offset, int64_t displacement, Access access) {
  const unsigned bit = 1u << static_cast<unsigned>(segment);
  // A trap that is certain is written as a conditional one, so that the instruction keeps its shape: what follows is
  // never reached, and constant folding removes it.
  if ((options_.unreadable_segments & bit) || (access == Access::Write && (options_.unwritable_segments & bit))) {
    trap_if(Cond::Zero, constant(0), kProtection);
  }
  if (options_.flat_segments & bit) return {offset, displacement};
  return {op(Op::Add, 32, offset, get(base_of(segment))), displacement};
}

V Lifter::load(const Place& at, unsigned width, int64_t beyond) {
  const V v = op(Op::Load, width, at.address);
  out_.insts.back().imm = at.displacement + beyond;
  return v;
}

void Lifter::store(const Place& at, unsigned width, V value, int64_t beyond) {
  ir::Inst& inst = append(Op::Store, width);
  inst.src[0] = at.address;
  inst.src[1] = value;
  inst.imm = at.displacement + beyond;
}

void Lifter::probe_write(const Place& at, unsigned width) {
  ir::Inst& inst = append(Op::ProbeWrite, width);
  inst.src[0] = at.address;
  inst.imm = at.displacement;
}

V Lifter::push(V esp, unsigned width, V value) {
  const int64_t bytes = width / 8;
  store(stack(esp, -bytes, Access::Write), width, value);
  return lea(32, esp, kNone, 0, -bytes);
}

// -- operands --------------------------------------------------------------------------------------------

/// Bytes of an immediate that ends the instruction; 0 for one that the opcode implies (`shl eax, 1`), or ENTER's two.
unsigned Lifter::immediate_bytes(unsigned i) const {
  const Operand& o = d.operands[i];
  const bool implied = d.opcode_map == 0 && (d.opcode & 0xfe) == 0xd0;
  const bool only = i + 1u == d.operand_count && (i == 0 || d.operands[i - 1].kind != OperandKind::Immediate);
  return o.kind == OperandKind::Immediate && !implied && only ? o.width / 8u : 0;
}

/// Bytes of the displacement with 32-bit addresses; it comes right before the immediate.
unsigned Lifter::displacement_bytes() const {
  if (address_width() != 32) return 0;
  if (!d.has_modrm) return 4;  // MOV between AL or EAX and an offset
  switch (d.modrm_mod()) {
    case 0: {
      // [disp32], or [index * scale + disp32]: no base. SDM Vol. 2, tables 2-2 and 2-3.
      for (const Operand& o : d.operands) {
        if (o.kind == OperandKind::Memory) return o.base == kNoRegister ? 4 : 0;
      }
      return 0;
    }
    case 1: return 1;
    default: return 4;
  }
}

/// What the instruction's bytes hold when it executes.
V Lifter::reload(unsigned offset, unsigned bytes, bool is_signed) {
  *reloaded_ = static_cast<uint16_t>(*reloaded_ | ((1u << bytes) - 1) << offset);
  return op(is_signed ? Op::LoadS : Op::Load, 8 * bytes, constant(eip_ + offset));
}

Place Lifter::effective_address(unsigned i, V extra, int64_t esp_bias) {
  const Operand& m = d.operands[i];
  int64_t displacement = m.disp;
  V base = kNone, index = kNone;
  if (m.base != kNoRegister) {
    base = get(ir::gpr(m.base));
    if (ir::gpr(m.base) == GuestReg::Esp) displacement += esp_bias;
  }
  if (m.index != kNoRegister) index = get(ir::gpr(m.index));
  const unsigned scale = m.scale == 8 ? 3 : m.scale >> 1;
  if (const unsigned bytes = reloaded_ == nullptr ? 0 : displacement_bytes(); bytes != 0) {
    const unsigned behind = d.operand_count > i + 1 ? immediate_bytes(d.operand_count - 1u) : 0;
    const V reloaded = reload(d.length - behind - bytes, bytes, true);
    if (index != kNone) base = lea(32, base, index, scale, 0);
    base = base == kNone ? op(Op::Zext, 32, reloaded) : lea(32, base, reloaded, 0, displacement - m.disp);
    if (extra != kNone) base = lea(32, base, extra, 0, 0);
    return {base, 0};
  }
  if (address_width() == 16) {
    if (base == kNone && index == kNone) {
      base = constant(displacement & 0xffff);
      displacement = 0;
    } else {
      base = lea(16, base, index, scale, displacement);
      displacement = 0;
    }
    if (extra != kNone) base = lea(16, base, extra, 0, 0);
    return {base, 0};
  }
  if (index != kNone) {
    base = lea(32, base, index, scale, 0);
  } else if (base == kNone) {
    base = constant(static_cast<uint32_t>(displacement));
    displacement = 0;
  }
  if (extra != kNone) base = lea(32, base, extra, 0, 0);
  return {base, displacement};
}

V Lifter::offset_of(unsigned i) {
  const Place p = effective_address(i);
  return p.displacement == 0 ? p.address : lea(32, p.address, kNone, 0, p.displacement);
}

Place Lifter::place(unsigned i, Access access, V extra, int64_t esp_bias) {
  const Place p = effective_address(i, extra, esp_bias);
  return linear(d.operands[i].segment, p.address, p.displacement, access);
}

V Lifter::read(unsigned i) {
  const Operand& o = d.operands[i];
  switch (o.kind) {
    case OperandKind::Register: return get_gpr(o.reg, o.width);
    case OperandKind::Memory: return load(place(i, Access::Read), o.width);
    default:
      if (const unsigned bytes = reloaded_ == nullptr ? 0 : immediate_bytes(i); bytes != 0) return reload(d.length - bytes, bytes, o.imm_signed && bytes < 4);
      return constant(o.imm);
  }
}

V Lifter::read_zext(unsigned i) {
  const Operand& o = d.operands[i];
  const V v = read(i);
  const bool exact = o.kind == OperandKind::Memory || (o.kind == OperandKind::Register && (o.width == 32 || (o.width == 8 && o.reg >= 4)));
  return exact ? v : op(Op::Zext, o.width, v);
}

V Lifter::read_sext(unsigned i) {
  const Operand& o = d.operands[i];
  switch (o.kind) {
    case OperandKind::Immediate:
    case OperandKind::Memory: {
      const V v = read(i);
      if (out_.insts.back().op == Op::Load) out_.insts.back().op = Op::LoadS;
      return v;
    }
    default: return op(Op::Sext, o.width, read(i));
  }
}

void Lifter::write(unsigned i, V value) {
  const Operand& o = d.operands[i];
  if (o.kind == OperandKind::Memory) {
    store(place(i, Access::Write), o.width, value);
  } else {
    set_gpr(o.reg, o.width, value);
  }
}

Lifter::ReadModifyWrite Lifter::begin_rmw(unsigned i, V extra) {
  if (!is_memory(i)) return {read(i), {kNone, 0}};
  const Place at = place(i, Access::Write, extra);
  probe_write(at, width(i));
  return {load(at, width(i)), at};
}

void Lifter::finish_rmw(unsigned i, const ReadModifyWrite& operand, V value) {
  if (is_memory(i)) {
    store(operand.at, width(i), value);
  } else {
    write(i, value);
  }
}

// -- leaving ---------------------------------------------------------------------------------------------

void Lifter::exit_to(uint32_t target, ir::ExitKind kind) {
  ir::Inst& inst = append(Op::Exit, 32);
  inst.imm = target;
  inst.aux = static_cast<uint8_t>(kind);
  status_ = LiftStatus::Ends;
}

void Lifter::exit_if(Cond cond, V value, uint32_t target) {
  ir::Inst& inst = append(Op::ExitIf, 32);
  inst.cond = cond;
  inst.src[0] = value;
  inst.imm = target;
}

void Lifter::exit_indirect(V target, ir::ExitKind kind) {
  ir::Inst& inst = append(Op::ExitInd, 32);
  inst.src[0] = target;
  inst.aux = static_cast<uint8_t>(kind);
  status_ = LiftStatus::Ends;
}

void Lifter::trap(uint8_t vector, uint32_t error) {
  ir::Inst& inst = append(Op::Trap, 32);
  inst.aux = vector;
  inst.imm = error;
  status_ = LiftStatus::Ends;
}

void Lifter::trap_if(Cond cond, V value, uint8_t vector, uint32_t error) {
  ir::Inst& inst = append(Op::TrapIf, 32);
  inst.cond = cond;
  inst.src[0] = value;
  inst.aux = vector;
  inst.imm = error;
}

void Lifter::software_interrupt(uint8_t vector, bool gate_checked) {
  set(GuestReg::Eip, constant(next()));
  ir::Inst& inst = append(Op::SoftInt, 32);
  inst.aux = vector;
  inst.imm = gate_checked ? 0 : 1;
  status_ = LiftStatus::Ends;
}

V Lifter::helper(HelperId id, V a, V b, V c) {
  const V v = op(Op::Helper, 64, a, b, c);
  out_.insts.back().imm = static_cast<int64_t>(id);
  return v;
}

ValueFlags Lifter::helper_pair(int64_t imm, V a, V b, V c, V e) {
  const ValueFlags result = both(Op::Helper, 64, a, b, c, e);
  out_.insts.back().imm = imm;
  return result;
}

void Lifter::unsupported() {
  trap(kUndefined);
  status_ = LiftStatus::Unsupported;
}

}  // namespace chrysalis::x86
