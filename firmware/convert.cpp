#include "firmware/convert.h"

#include <optional>

#include "firmware/fast_forms.h"
#include "firmware/panic.h"
#include "firmware/semantics.h"
#include "x86-frontend/helpers.h"

namespace chrysalis::fw {
namespace {

using ir::Cond;
using ir::GuestReg;
using ir::Inst;
using ir::Op;
using ir::ValueId;

constexpr unsigned kMaxValues = 1024;
constexpr uint16_t kNever = 0xffff;

/// What is known of a value. Index: ValueId.
struct ValueState {
  uint16_t def;       ///< index of the defining operation
  uint16_t last_use;  ///< index of the last operation that reads it
  uint16_t uses;
  uint16_t operand;   ///< slot that holds it; kNever while it has none
  uint16_t fold;      ///< foldable_set(), once asked for; kUnknown before
};
constexpr uint16_t kUnknown = 0xfffe;

// One instruction is converted at a time; tables of this size have no place on the firmware's stack.
ValueState g_values[kMaxValues];
uint8_t g_set_done[kMaxUopsPerInstruction];  ///< index of operation: a SetReg whose value was written where it was made

uint16_t plain_code(Op op, unsigned width = 64) { return uop_code(op, plain_width(op, width)); }

class Converter {
 public:
  Converter(const ir::Code& code, uint32_t eip, uint32_t next_eip, UopForm form, const ConvertOptions& options, UopBuffer& out)
      : code_(code), insts_(code.insts.data()), count_(static_cast<unsigned>(code.insts.size())), eip_(eip), next_eip_(next_eip),
        form_(form), options_(options), out_(out), first_(out.next) {}

  Converted run();

 private:
  bool direct() const { return form_ == UopForm::Direct; }
  const Inst& inst(unsigned i) const { return insts_[i]; }
  unsigned count() const { return count_; }
  static ValueState& value(ValueId v) { return g_values[v]; }
  static void define(ValueId v, unsigned i) {
    ValueState& made = value(v);
    made.def = static_cast<uint16_t>(i);
    made.last_use = made.uses = 0;
    made.operand = kNever;
    made.fold = kUnknown;
  }
  bool is_constant(ValueId v) const { return inst(value(v).def).op == Op::Const; }
  int64_t constant(ValueId v) const { return inst(value(v).def).imm; }

  void examine();
  void convert_operation(unsigned i);
  void convert_pure(unsigned i);
  void convert_set(unsigned i);
  void convert_exit(unsigned i);
  bool convert_fast_memory(unsigned i);
  bool convert_fast_alu(unsigned i);
  std::optional<Deliver> delivery(unsigned i) const;
  bool fuse_load(unsigned i);

  bool overwritten_before_last_use(unsigned i, GuestReg reg, ValueId v) const;
  unsigned foldable_set(unsigned i, ValueId v) const;
  unsigned look_for_set(unsigned i, ValueId v) const;
  uint16_t destination(unsigned i, ValueId v);
  uint16_t source(ValueId v);
  bool constant_of(ValueId v, int64_t& result) const;
  unsigned next_operation(unsigned i) const;

  Uop& append(uint16_t code);
  Uop& append(FormPair form);
  Uop& append_constant(uint16_t d, uint64_t constant);
  void append_copy(uint16_t d, uint16_t a);
  /// `u` can fault.
  void put_eip(Uop& u) {
    u.eip = eip_;
    constexpr unsigned kMarks = 8;
    if (&u < first_ + kMarks) result_.with_eip |= static_cast<uint8_t>(1u << (&u - first_));
    else result_.relocatable = false;
  }
  void finish(bool falls_through);
  bool keeps_mode(const Inst& set) const;

  const ir::Code& code_;
  const Inst* const insts_;  ///< code_'s, without the division that its size takes
  const unsigned count_;
  const uint32_t eip_, next_eip_;
  const UopForm form_;
  const ConvertOptions options_;
  UopBuffer& out_;
  Uop* const first_;
  uint16_t next_temp_ = 0;
  Handler last_end_ = nullptr;  ///< of the last micro-operation: its form that ends the instruction, if there is one
  unsigned pending_lea_ = kNever, pending_load_ = kNever;  ///< operations that wait to be part of the next one
  Uop* to_next_[8];             ///< exits inside the instruction that go to the one after it
  unsigned to_next_count_ = 0;
  bool changes_mode_ = false;
  bool repeats_ = false;        ///< a string operation under REP, which goes back to its own first micro-operation
  uint8_t sets_[static_cast<unsigned>(GuestReg::kCount)] = {};  ///< SetRegs of each register
  Converted result_{};
};

constexpr int64_t kTrapFlag = 0x100;

/// True if the SetReg only clears system flags or sets others than TF, as CLD and STD do.
bool Converter::keeps_mode(const Inst& set) const {
  if (static_cast<GuestReg>(set.aux) != GuestReg::SysFlags) return false;
  const Inst& made = inst(value(set.src[0]).def);
  if (made.op == Op::And || made.op == Op::AndNot) return true;
  return made.op == Op::Or && is_constant(made.src[1]) && (constant(made.src[1]) & kTrapFlag) == 0;
}

/// Fills g_values: definitions and uses.
void Converter::examine() {
  const unsigned n = count();
  for (unsigned i = 0; i < n; ++i) {
    const Inst& op = inst(i);
    const ir::OpInfo& row = ir::info(op.op);
    g_set_done[i] = 0;
    for (unsigned k = 0; k < row.sources; ++k) {
      if (op.src[k] == ir::kNoValue) continue;
      ValueState& read = value(op.src[k]);
      read.last_use = static_cast<uint16_t>(i);
      ++read.uses;
    }
    // A value's definition comes before its uses.
    if (op.value != ir::kNoValue) define(op.value, i);
    if (op.flags != ir::kNoValue) define(op.flags, i);
    if (op.op == Op::SetReg) {
      ++sets_[op.aux];
      if (op.aux >= static_cast<unsigned>(GuestReg::SysFlags)) changes_mode_ |= !keeps_mode(op);
    } else if ((row.effects & (ir::kExit | ir::kHelper)) != 0) {
      result_.relocatable = false;
      if (op.op == Op::Helper && static_cast<x86::HelperId>(op.imm) == x86::HelperId::LoadSegment) changes_mode_ = true;
      if (op.op == Op::ExitInd) result_.leaves = true;
      if (op.op == Op::Exit || op.op == Op::ExitIf) {
        if (static_cast<uint32_t>(op.imm) <= eip_) result_.leaves = true;
        if (static_cast<ir::ExitKind>(op.aux) == ir::ExitKind::Repeat) repeats_ = true;
      }
    }
  }
}

Uop& Converter::append(uint16_t code) {
  Uop& u = *out_.next++;
  u = Uop{};
  if (direct()) u.run = find_plain(code);
  else u.code = code;
  last_end_ = nullptr;
  return u;
}

Uop& Converter::append(FormPair form) {
  Uop& u = *out_.next++;
  u = Uop{};
  u.run = form.middle;
  last_end_ = form.end;
  return u;
}

Uop& Converter::append_constant(uint16_t d, uint64_t constant) {
  Uop& u = direct() ? append(find_constant()) : append(plain_code(Op::Const));
  u.d = d;
  u.wide = constant;
  return u;
}

void Converter::append_copy(uint16_t d, uint16_t a) {
  Uop& u = direct() ? append(find_move()) : append(plain_code(Op::Copy));
  u.d = d;
  u.a = a;
}

bool Converter::constant_of(ValueId v, int64_t& result) const {
  if (v == ir::kNoValue || !is_constant(v)) return false;
  result = constant(v);
  return true;
}

/// The slot that holds `v`; a constant is put into a temporary when it is first needed there.
uint16_t Converter::source(ValueId v) {
  if (v == ir::kNoValue) return kSlotZero;
  ValueState& state = value(v);
  if (state.operand != kNever) return state.operand;
  if (!is_constant(v)) panic("a value is read before it is made", eip_);
  if (constant(v) == 0) return state.operand = kSlotZero;
  state.operand = static_cast<uint16_t>(kSlotTemp + 8 * next_temp_++);
  append_constant(state.operand, static_cast<uint64_t>(constant(v)));
  return state.operand;
}

/// True if `v`, a copy of guest register `reg` made at operation i, is still read after the register changes.
bool Converter::overwritten_before_last_use(unsigned i, GuestReg reg, ValueId v) const {
  for (unsigned k = i + 1; k < value(v).last_use; ++k) {
    const Inst& op = inst(k);
    if (op.op == Op::Helper || (op.op == Op::SetReg && static_cast<GuestReg>(op.aux) == reg)) return true;
  }
  return false;
}

/// Index of the SetReg that `v`, made at operation i, can be written for at once; kNever if there is none.
/// Nothing in between may leave, fault, or look at the register.
unsigned Converter::foldable_set(unsigned i, ValueId v) const {
  if (value(v).fold == kUnknown) value(v).fold = static_cast<uint16_t>(look_for_set(i, v));
  return value(v).fold;
}

unsigned Converter::look_for_set(unsigned i, ValueId v) const {
  for (unsigned k = i + 1; k <= value(v).last_use; ++k) {
    const Inst& set = inst(k);
    if (set.op != Op::SetReg || set.src[0] != v) continue;
    const uint16_t target = static_cast<uint16_t>(set.aux * 8);
    if (sets_[set.aux] > 1) return kNever;
    for (unsigned j = i + 1; j < k; ++j) {
      const Inst& op = inst(j);
      if ((ir::info(op.op).effects & (ir::kMayFault | ir::kExit | ir::kHelper)) != 0) return kNever;
      if (op.op == Op::GetReg && op.aux == set.aux) return kNever;
      for (const ValueId s : op.src) {
        if (s != ir::kNoValue && value(s).operand == target) return kNever;
      }
    }
    return k;
  }
  return kNever;
}

/// Where operation i puts its result `v`.
uint16_t Converter::destination(unsigned i, ValueId v) {
  if (v == ir::kNoValue || value(v).uses == 0) return kSlotJunk;
  if (direct()) {
    const unsigned set = foldable_set(i, v);
    if (set != kNever) {
      g_set_done[set] = 1;
      return value(v).operand = static_cast<uint16_t>(inst(set).aux * 8);
    }
  }
  if (next_temp_ == kTempCount) panic("an instruction needs too many temporaries", eip_);
  return value(v).operand = static_cast<uint16_t>(kSlotTemp + 8 * next_temp_++);
}

/// The next operation that does something: guest registers that are read in place and constants do not.
unsigned Converter::next_operation(unsigned i) const {
  for (unsigned k = i + 1; k < count(); ++k) {
    const Inst& op = inst(k);
    if (op.op == Op::Const) continue;
    if (op.op == Op::GetReg && !overwritten_before_last_use(k, static_cast<GuestReg>(op.aux), op.value)) continue;
    return k;
  }
  return kNever;
}

void Converter::convert_set(unsigned i) {
  if (g_set_done[i] != 0) return;
  const Inst& op = inst(i);
  const uint16_t target = static_cast<uint16_t>(op.aux * 8);
  int64_t constant = 0;
  if (constant_of(op.src[0], constant)) {
    append_constant(target, static_cast<uint32_t>(constant));  // guest registers have 32 bits
  } else if (const uint16_t from = source(op.src[0]); from != target) {
    append_copy(target, from);
  }
}

// -- fast forms ----------------------------------------------------------------------------------------------

bool commutes(Op op) { return op == Op::Add || op == Op::And || op == Op::Or || op == Op::Xor || op == Op::MulLow; }
bool loads_well(Op op) { return op == Op::Add || op == Op::Sub || op == Op::And || op == Op::Or || op == Op::Xor; }

bool fits_immediate(int64_t constant, unsigned width) {
  // Only the low `width` bits count.
  return width <= 32 || constant == static_cast<int32_t>(constant);
}

/// What the fast form of operation i would have to deliver; nothing if no fast form can: its flags must be the
/// guest's at once.
std::optional<Deliver> Converter::delivery(unsigned i) const {
  const Inst& op = inst(i);
  const bool value_wanted = op.value != ir::kNoValue && value(op.value).uses != 0;
  const bool flags_wanted = op.flags != ir::kNoValue && value(op.flags).uses != 0;
  if (!flags_wanted) return value_wanted ? std::optional(Deliver::Value) : std::nullopt;
  const unsigned set = foldable_set(i, op.flags);
  if (set == kNever || static_cast<GuestReg>(inst(set).aux) != GuestReg::Flags) return std::nullopt;
  return value_wanted ? Deliver::Both : Deliver::Flags;
}

/// A load whose value only the next operation uses becomes part of that operation.
bool Converter::fuse_load(unsigned i) {
  const Inst& load = inst(i);
  if (load.op != Op::Load || load.width != 32 || value(load.value).uses != 1) return false;
  const unsigned k = next_operation(i);
  if (k == kNever) return false;
  const Inst& op = inst(k);
  if (!loads_well(op.op) || op.width != 32) return false;
  if (op.src[1] != load.value && !(commutes(op.op) && op.src[0] == load.value)) return false;
  // delivery() looks ahead of the operations in between: they must not look at the flags.
  for (unsigned j = i + 1; j < k; ++j) {
    if (inst(j).op == Op::GetReg && static_cast<GuestReg>(inst(j).aux) == GuestReg::Flags) return false;
  }
  if (!delivery(k)) return false;
  const ValueId other = op.src[1] == load.value ? op.src[0] : op.src[1];
  // A constant would have to be put into a temporary between the load and its use.
  if (other == load.value || is_constant(other)) return false;
  pending_load_ = i;
  return true;
}

/// Loads, stores and address computations. `i` is none of them: false.
bool Converter::convert_fast_memory(unsigned i) {
  const Inst& op = inst(i);
  Address address = Address::Base;
  ValueId base = op.src[0], index = ir::kNoValue;
  int64_t displacement = op.imm;

  if (op.op == Op::Lea) {
    if (op.width != 32) return false;
    if (op.src[1] != ir::kNoValue) {
      index = op.src[1];
      address = indexed(op.aux);
    }
    int64_t constant;
    if (constant_of(base, constant) && constant != 0) return false;
    if (constant_of(index, constant)) return false;
    // An address that only the next access uses becomes part of it.
    const unsigned k = value(op.value).uses == 1 ? next_operation(i) : kNever;
    if (k != kNever) {
      const Inst& access = inst(k);
      if ((access.op == Op::Load || access.op == Op::Store) && access.width <= 32 && access.src[0] == op.value &&
          !(access.op == Op::Store && access.src[1] == op.value)) {
        pending_lea_ = i;
        return true;
      }
    }
    const uint16_t a = source(base), b = source(index);
    const uint16_t d = destination(i, op.value);
    Uop& u = append(find_lea(address));
    u.d = d, u.a = a, u.b = b;
    u.imm = static_cast<int32_t>(displacement);
    return true;
  }
  if (op.op != Op::Load && op.op != Op::Store && op.op != Op::ProbeWrite) return false;

  if (pending_lea_ != kNever) {
    const Inst& lea = inst(pending_lea_);
    base = lea.src[0];
    if (lea.src[1] != ir::kNoValue) {
      index = lea.src[1];
      address = indexed(lea.aux);
    }
    displacement += lea.imm;
  }
  int64_t constant = 0;
  if (constant_of(base, constant)) {
    displacement += constant;
    base = ir::kNoValue;
  }
  const int32_t imm = static_cast<int32_t>(displacement);  // addresses are modulo 2^32

  if (op.op == Op::Store) {
    FormPair form = find_store(op.width, address);
    const bool of_constant = address == Address::Base && constant_of(op.src[1], constant) && constant != 0 && op.width <= 32;
    if (of_constant) form = find_store_constant(op.width);
    if (form.middle == nullptr) return false;
    const uint16_t data = of_constant ? 0 : source(op.src[1]);
    const uint16_t a = source(base), b = source(index);
    pending_lea_ = kNever;
    Uop& u = append(form);
    u.a = a, u.b = b, u.d = data;
    if (of_constant) {
      u.d = static_cast<uint16_t>(constant);
      u.b = static_cast<uint16_t>(constant >> 16);
    }
    u.imm = imm;
    put_eip(u);
    return true;
  }
  if (op.op == Op::ProbeWrite) {
    // The load of a read-modify-write follows its probe, at the same place.
    const unsigned k = next_operation(i);
    const FormPair form = find_load_for_write(op.width, address);
    if (k == kNever || form.middle == nullptr) return false;
    const Inst& load = inst(k);
    if (load.op != Op::Load || load.width != op.width || load.src[0] != op.src[0] || load.imm != op.imm) return false;
    const uint16_t a = source(base), b = source(index);
    const uint16_t d = destination(k, load.value);
    Uop& u = append(form);
    u.d = d, u.a = a, u.b = b;
    u.imm = imm;
    put_eip(u);
    g_set_done[k] = 1;  // the load is done
    return true;
  }
  if (g_set_done[i] != 0) return true;  // done with its probe
  if (op.width > 32) return false;
  if (fuse_load(i)) return true;  // the arithmetic form takes the same address, pending_lea_ included
  const uint16_t a = source(base), b = source(index);
  pending_lea_ = kNever;
  const uint16_t d = destination(i, op.value);
  Uop& u = append(find_load(Op::Load, op.width, address));
  u.d = d, u.a = a, u.b = b;
  u.imm = imm;
  put_eip(u);
  return true;
}

bool Converter::convert_fast_alu(unsigned i) {
  const Inst& op = inst(i);
  const ir::OpInfo& row = ir::info(op.op);
  const bool old = (row.effects & ir::kOldFlags) != 0;
  const std::optional<Deliver> delivered = delivery(i);
  if (!delivered) return false;
  const Deliver deliver = *delivered;
  const bool flags_wanted = deliver != Deliver::Value;
  if (row.sources - (old ? 1 : 0) > 2) return false;
  // The old image must be the guest's, and the new one must become the guest's.
  if (old) {
    const ValueId image = op.src[row.sources - 1];
    const bool matters = flags_wanted || op.op == Op::Adc || op.op == Op::Sbb;
    if (matters && (image == ir::kNoValue || value(image).operand != kSlotFlags)) return false;
  }

  ValueId a = op.src[0], b = row.sources - (old ? 1 : 0) > 1 ? op.src[1] : ir::kNoValue;
  const Inst* load = nullptr;
  FormPair form;
  int64_t constant = 0;
  bool immediate = false;
  if (pending_load_ != kNever) {
    load = &inst(pending_load_);
    if (a == load->value) a = b;
    Address address = Address::Base;
    if (pending_lea_ != kNever && inst(pending_lea_).src[1] != ir::kNoValue) address = indexed(inst(pending_lea_).aux);
    form = find_alu_load(op.op, deliver, address);
  } else {
    if (commutes(op.op) && constant_of(a, constant) && !constant_of(b, constant)) {
      const ValueId other = a;
      a = b;
      b = other;
    }
    immediate = b != ir::kNoValue && constant_of(b, constant) && fits_immediate(constant, op.width);
    form = find_alu(op.op, op.width, deliver, immediate);
  }
  if (form.middle == nullptr) {
    if (load != nullptr) panic("no form for a fused load", eip_);
    return false;
  }

  const uint16_t slot_a = source(a);
  uint16_t slot_b = 0, slot_index = 0;
  int32_t imm = static_cast<int32_t>(constant);
  if (load != nullptr) {
    ValueId base = load->src[0];
    int64_t displacement = load->imm;
    if (pending_lea_ != kNever) {
      const Inst& lea = inst(pending_lea_);
      base = lea.src[0];
      slot_index = source(lea.src[1]);
      displacement += lea.imm;
    }
    if (constant_of(base, constant)) {
      displacement += constant;
      base = ir::kNoValue;
    }
    slot_b = source(base);
    imm = static_cast<int32_t>(displacement);
    pending_load_ = pending_lea_ = kNever;
  } else if (!immediate) {
    slot_b = source(b);
  }
  if (flags_wanted) destination(i, op.flags);  // the guest's flags: delivery() has seen to that
  const uint16_t d = destination(i, op.value);
  Uop& u = append(form);
  u.d = d, u.a = slot_a, u.b = slot_b, u.f = slot_index;
  u.imm = imm;
  if (load != nullptr) put_eip(u);
  return true;
}

// -- the plain form --------------------------------------------------------------------------------------------

void Converter::convert_pure(unsigned i) {
  const Inst& op = inst(i);
  const ir::OpInfo& row = ir::info(op.op);
  const bool wanted = (op.value != ir::kNoValue && value(op.value).uses != 0) ||
                      (op.flags != ir::kNoValue && value(op.flags).uses != 0);
  if (direct() && !wanted) return;
  if (direct() && (convert_fast_memory(i) || convert_fast_alu(i))) return;
  uint16_t s[4];
  for (unsigned k = 0; k < 4; ++k) s[k] = k < row.sources ? source(op.src[k]) : kSlotZero;
  const uint16_t d = destination(i, op.value), f = destination(i, op.flags);
  Uop& u = append(plain_code(op.op, op.width));
  u.d = d, u.f = f;
  u.a = s[0], u.b = s[1], u.c = s[2], u.e = s[3];
  if (op.op == Op::Lea) {
    u.imm = static_cast<int32_t>(op.imm);
    u.c = op.aux;
  } else if (op.op == Op::LeaUw) {
    u.c = op.aux;
  } else if (op.op == Op::SetCc || op.op == Op::SelectCc) {
    u.e = static_cast<uint16_t>(op.cond);
  }
}

void Converter::convert_exit(unsigned i) {
  const Inst& op = inst(i);
  const uint32_t target = static_cast<uint32_t>(op.imm);
  const bool repeat = static_cast<ir::ExitKind>(op.aux) == ir::ExitKind::Repeat;
  const uint16_t condition = op.op == Op::ExitIf ? source(op.src[0]) : 0;
  const bool on_value = op.cond == Cond::Zero || op.cond == Cond::NonZero;
  Uop* u;
  if (op.op == Op::Exit) u = &append(repeat ? static_cast<uint16_t>(kUopRepeat) : plain_code(Op::Exit));
  else if (repeat) u = &append(static_cast<uint16_t>(kUopRepeatIf));
  else if (direct() && (on_value || condition == kSlotFlags)) u = &append(find_exit_if(op.cond));
  else u = &append(plain_code(Op::ExitIf));
  u->target = g_unlinked;
  u->imm = static_cast<int32_t>(target);
  if (op.op == Op::ExitIf) {
    result_.exit = u;
    u->c = condition;
    u->e = static_cast<uint16_t>(op.cond);
  }
  if (repeat) {
    if (!options_.leave_repeat) u->target = first_;
  } else if (target == next_eip_ && to_next_count_ < sizeof(to_next_) / sizeof(to_next_[0])) {
    to_next_[to_next_count_++] = u;
  }
}

void Converter::convert_operation(unsigned i) {
  const Inst& op = inst(i);
  switch (op.op) {
    case Op::Const:
      if (!direct() && value(op.value).uses != 0) {
        const uint16_t d = destination(i, op.value);
        append_constant(d, static_cast<uint64_t>(op.imm));
      }
      return;
    case Op::GetReg: {
      const uint16_t from = static_cast<uint16_t>(op.aux * 8);
      if (value(op.value).uses == 0) return;
      if (direct() && !overwritten_before_last_use(i, static_cast<GuestReg>(op.aux), op.value)) {
        value(op.value).operand = from;
      } else {
        append_copy(destination(i, op.value), from);
      }
      return;
    }
    case Op::SetReg: convert_set(i); return;
    case Op::Load:
    case Op::LoadS:
    case Op::Store:
    case Op::ProbeWrite: {
      if (direct() && convert_fast_memory(i)) return;
      const uint16_t a = source(op.src[0]), b = op.op == Op::Store ? source(op.src[1]) : 0;
      const uint16_t d = destination(i, op.value);
      Uop& u = append(plain_code(op.op, op.width));
      u.d = d, u.a = a, u.b = b;
      u.imm = static_cast<int32_t>(op.imm);
      put_eip(u);
      return;
    }
    case Op::Exit:
    case Op::ExitIf: convert_exit(i); return;
    case Op::ExitInd: {
      const uint16_t a = source(op.src[0]);
      if (changes_mode_) {
        append_copy(kSlotEip, a);
        append(static_cast<uint16_t>(kUopEnd));
        append(static_cast<uint16_t>(kUopLeave));
      } else {
        Uop& u = append(plain_code(Op::ExitInd));
        u.a = a;
        result_.exit = &u;
      }
      return;
    }
    case Op::Trap:
    case Op::TrapIf: {
      const uint16_t a = op.op == Op::TrapIf ? source(op.src[0]) : 0;
      Uop& u = append(plain_code(op.op));
      u.a = a;
      u.b = static_cast<uint16_t>(op.cond);
      u.d = op.aux;
      u.imm = static_cast<int32_t>(op.imm);
      u.eip = eip_;
      return;
    }
    case Op::SoftInt: {
      Uop& u = append(plain_code(Op::SoftInt));
      u.d = op.aux;
      u.eip = eip_;
      return;
    }
    case Op::Helper: {
      uint16_t s[4];
      for (unsigned k = 0; k < 4; ++k) s[k] = source(op.src[k]);
      const uint16_t d = destination(i, op.value), f = destination(i, op.flags);
      append_constant(kSlotEip, eip_);
      Uop& u = append(plain_code(Op::Helper));
      u.d = d, u.f = f;
      u.a = s[0], u.b = s[1], u.c = s[2], u.e = s[3];
      u.imm = static_cast<int32_t>(op.imm);
      return;
    }
    default:
      if (!is_pure(op.op)) panic("an operation that the interpreters do not know", eip_);
      convert_pure(i);
  }
}

/// Ends the instruction: the last micro-operation takes the commit along if it has a form for that.
void Converter::finish(bool falls_through) {
  if (falls_through) {
    if (out_.next != first_ && last_end_ != nullptr) out_.next[-1].run = last_end_;
    else append(static_cast<uint16_t>(kUopEnd));
  }
  for (unsigned k = 0; k < to_next_count_; ++k) to_next_[k]->target = out_.next;
  result_.ends_block = !falls_through && to_next_count_ == 0;
  if (result_.ends_block || changes_mode_) result_.relocatable = false;
  if (changes_mode_ && !result_.ends_block) {
    append_constant(kSlotEip, next_eip_);
    append(static_cast<uint16_t>(kUopLeave));
    result_.ends_block = true;
  }
}

Converted Converter::run() {
  if (code_.next_value > kMaxValues || count() > kMaxUopsPerInstruction) panic("an instruction's IR is too long", eip_);
  result_.relocatable = true;
  examine();
  unsigned n = count();
  bool falls_through = true;
  if (n != 0) {
    const Inst& last = inst(n - 1);
    falls_through = !ir::is_final_exit(last);
    if (last.op == Op::Exit && static_cast<uint32_t>(last.imm) == next_eip_ &&
        static_cast<ir::ExitKind>(last.aux) == ir::ExitKind::Jump) {
      falls_through = true;
      --n;
    }
  }
  if (repeats_) append_poll(eip_, form_, out_);
  for (unsigned i = 0; i < n; ++i) {
    convert_operation(i);
    if (options_.commit_stores && inst(i).op == Op::Store) append(static_cast<uint16_t>(kUopCommit));
  }
  if (pending_lea_ != kNever || pending_load_ != kNever) panic("an operation was left behind", eip_);
  finish(falls_through);
  return result_;
}

Uop& append_single(uint16_t code, UopForm form, UopBuffer& out) {
  Uop& u = *out.next++;
  u = Uop{};
  if (form == UopForm::Direct) u.run = find_plain(code);
  else u.code = code;
  return u;
}

}  // namespace

Converted convert(const ir::Code& code, uint32_t eip, uint32_t next_eip, UopForm form, const ConvertOptions& options, UopBuffer& out) {
  return Converter(code, eip, next_eip, form, options, out).run();
}

void append_jump(uint32_t target, UopForm form, UopBuffer& out) {
  Uop& u = append_single(kUopJump, form, out);
  u.target = g_unlinked;
  u.imm = static_cast<int32_t>(target);
}

void append_head(uint32_t eip, int64_t budget, UopForm form, UopBuffer& out) {
  Uop& u = append_single(kUopHead, form, out);
  u.budget = budget;
  u.imm = static_cast<int32_t>(eip);
}

void append_poll(uint32_t eip, UopForm form, UopBuffer& out) {
  append_single(kUopPoll, form, out).imm = static_cast<int32_t>(eip);
}

}  // namespace chrysalis::fw
