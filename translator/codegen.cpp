#include "translator/codegen.h"

#include <algorithm>

#include "translator/assert.h"
#include "translator/atom_families.h"
#include "translator/codegen_fp.h"
#include "translator/order.h"

namespace chrysalis::translator {
namespace {

using ir::kNoValue;
using ir::ValueId;

constexpr bool fits(int64_t value, unsigned bits) {
  return value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1));
}
constexpr bool fits_short(int64_t value) { return fits(value, 6); }
constexpr bool fits_long(int64_t value) { return fits(value, 32); }

constexpr int64_t sign_extend(int64_t value, unsigned width) {
  return width == 64 ? value : static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - width)) >> (64 - width);
}

/// From this many uses on, a constant that needs a literal word is kept in a register.
constexpr unsigned kSharedConstantUses = 3;

/// The sign-extending form of a 32-bit operation.
isa::Op sign_extending(ir::Op op) {
  switch (op) {
    case ir::Op::Add: return isa::Op::Add32s;
    case ir::Op::Sub: return isa::Op::Sub32s;
    case ir::Op::Shl: return isa::Op::Shl32s;
    case ir::Op::Shr: return isa::Op::Shr32s;
    case ir::Op::Sar: return isa::Op::Sar32s;
    case ir::Op::Rol: return isa::Op::Rol32s;
    case ir::Op::Ror: return isa::Op::Ror32s;
    case ir::Op::MulLow: return isa::Op::MulLow32s;
    case ir::Op::DivU: return isa::Op::DivU32s;
    case ir::Op::DivS: return isa::Op::DivS32s;
    case ir::Op::RemU: return isa::Op::RemU32s;
    case ir::Op::RemS: return isa::Op::RemS32s;
    default: return isa::Op::Nop;
  }
}

class Generator {
 public:
  Generator(const Region& region, const isa::MachineDescription& machine, MachineCode& out)
      : region_(region), insts_(region.code.insts), offsets_(machine.offset_addressing != 0),
        jtb_(machine.jtb_entries != 0), return_stack_(machine.return_stack_entries != 0),
        alias_entries_(machine.alias_entries), out_(out) {}

  void run() {
    out_.ops.clear();
    out_.kept_entries = 0;
    out_.last_point = -1;
    out_.last_map.clear();
    out_.homecomings.clear();
    kept_until_.clear();
    out_.virtuals.assign(region_.code.next_value, {});
    defs_.assign(region_.code.next_value, nullptr);
    needed_.assign(region_.code.next_value, 0);
    materialized_.assign(region_.code.next_value, false);
    first_access_.assign(region_.code.next_value, kNeverHoist);
    for (const Binding& binding : region_.entry) {
      if (region_.readable >> binding.reg & 1) first_access_[binding.value] = -1;
    }
    for (const ir::Inst& inst : insts_) {
      if (inst.value != kNoValue) defs_[inst.value] = &inst;
      if (inst.flags != kNoValue) {
        defs_[inst.flags] = &inst;
        out_.virtuals[inst.flags].flags_class = true;
      }
      if (inst.op == ir::Op::Const) {
        out_.virtuals[inst.value].is_const = true;
        out_.virtuals[inst.value].constant = inst.imm;
      }
      if (inst.op == ir::Op::Keep) note_keep(inst);
    }
    find_needed();
    waiting_.clear();
    in_last_map_.assign(region_.code.next_value, false);
    if (!region_.maps.empty()) {
      for (const Binding& binding : region_.map(region_.maps.size() - 1)) in_last_map_[binding.value] = true;
    }
    int32_t point = 0;
    for (const ir::Inst& inst : insts_) {
      at_ = &inst;
      point_ = is_point(inst) ? point++ : -1;
      const bool wanted = !ir::is_pure(inst) || (inst.value != kNoValue && needed_[inst.value]) ||
                          (inst.flags != kNoValue && needed_[inst.flags]);
      guest_ = inst.guest;
      if (point_ >= 0 && point_ + 1 == static_cast<int32_t>(region_.maps.size())) deliver_last_map();
      if (!wanted) continue;
      if (can_wait(inst)) waiting_.push_back(&inst);
      else select(inst);
    }
  }

 private:
  // -- which values somebody still needs once operations are fused -------------------------------------

  const ir::Inst* definition(ValueId value) const { return value == kNoValue ? nullptr : defs_[value]; }

  /// The 32-bit operation that a sign extension can be fused with, or null.
  const ir::Inst* fusible_extension(const ir::Inst& inst) const {
    if (inst.op != ir::Op::Sext || inst.width != 32) return nullptr;
    const ir::Inst* def = definition(inst.src[0]);
    if (def == nullptr || def->width != 32 || def->value != inst.src[0]) return nullptr;
    return sign_extending(def->op) != isa::Op::Nop ? def : nullptr;
  }

  /// The comparison that a branch on zero or non-zero can be fused with, or null.
  const ir::Inst* fusible_comparison(const ir::Inst& inst) const {
    const bool tests_value = inst.cond == ir::Cond::Zero || inst.cond == ir::Cond::NonZero;
    if (!tests_value || !ir::is_exit(inst)) return nullptr;
    const ir::Inst* def = definition(inst.src[0]);
    if (def == nullptr) return nullptr;
    const bool compares = def->op == ir::Op::SetEq || def->op == ir::Op::SetNe || def->op == ir::Op::SetLtU ||
                          def->op == ir::Op::SetLtS;
    return compares ? def : nullptr;
  }

  /// The sum of two registers that a guest access can form by itself, or null. If there is a displacement as well, it is added to a value
  /// of the entry beforehand, once for all accesses: what comes late has no addition on its way to memory.
  const ir::Inst* fusible_sum(const ir::Inst& inst) const {
    if (!offsets_ || !(ir::info(inst.op).effects & ir::kGuest)) return nullptr;
    // A store that has to check what loads keep needs its mask where the second register would be.
    if (inst.op == ir::Op::Store && !kept_until_.empty()) return nullptr;
    const ir::Inst* def = definition(inst.src[0]);
    if (def == nullptr || def->value != inst.src[0] || def->width != 32) return nullptr;
    if (def->op != ir::Op::Add && (def->op != ir::Op::Lea || def->aux != 0)) return nullptr;
    for (unsigned i = 0; i < 2; ++i) {
      if (def->src[i] == kNoValue || is_const(def->src[i])) return nullptr;
    }
    const bool both = definition(def->src[0]) == nullptr && definition(def->src[1]) == nullptr;
    const bool either = definition(def->src[0]) == nullptr || definition(def->src[1]) == nullptr;
    return displacement(*def, inst.imm) == 0 || (either && !both) ? def : nullptr;
  }
  static int64_t displacement(const ir::Inst& sum, int64_t offset) {
    return sign_extend((sum.op == ir::Op::Lea ? sum.imm : 0) + offset, 32);
  }

  void find_needed() {
    const auto need = [this](ValueId value) {
      if (value != kNoValue) ++needed_[value];
    };
    size_t point = region_.maps.size();
    for (size_t at = insts_.size(); at-- > 0;) {
      const ir::Inst& inst = insts_[at];
      if (is_point(inst)) {
        for (const Binding& binding : region_.map(--point)) need(binding.value);
      }
      const bool wanted = !ir::is_pure(inst) || (inst.value != kNoValue && needed_[inst.value]) ||
                          (inst.flags != kNoValue && needed_[inst.flags]);
      if (!wanted) continue;
      const ir::Inst* fused = fusible_extension(inst);
      if (fused == nullptr) fused = fusible_comparison(inst);
      for (const ValueId source : (fused != nullptr ? fused : &inst)->src) need(source);
      if (const ir::Inst* sum = fusible_sum(inst)) {
        need(sum->src[0]);
        need(sum->src[1]);
        --needed_[inst.src[0]];
      }
    }
  }

  // -- operands ------------------------------------------------------------------------------------------

  bool is_const(ValueId value) const { return value != kNoValue && out_.virtuals[value].is_const; }
  int64_t constant(ValueId value) const { return out_.virtuals[value].constant; }

  MachOp& emit(const MachOp& op) {
    out_.ops.push_back(op);
    out_.ops.back().point = -1;
    out_.ops.back().id = static_cast<int32_t>(out_.ops.size() - 1);
    out_.ops.back().guest = guest_;
    return out_.ops.back();
  }

  void load_constant(Reg to, int64_t value) {
    MachOp op;
    op.op = isa::Op::MovImm;
    op.d = to;
    op.mode = fits(value, 15) ? isa::Mode::Short : isa::Mode::Long;
    op.imm = sign_extend(value, 32);
    if (fits_long(value)) {
      emit(op);
      return;
    }
    const Reg low = out_.new_virtual();
    op.d = low;
    emit(op);
    MachOp high;
    high.op = isa::Op::SetHigh;
    high.d = to;
    high.a = low;
    high.imm = value >> 32;
    high.mode = fits_short(high.imm) ? isa::Mode::Short : isa::Mode::Long;
    emit(high);
  }

  Reg reg_of(ValueId value) {
    if (value == kNoValue) return isa::kZero;
    if (is_const(value)) {
      if (constant(value) == 0) return isa::kZero;
      if (!materialized_[value]) {
        materialized_[value] = true;
        load_constant(virtual_register(value), constant(value));
      }
    }
    return virtual_register(value);
  }

  /// Gives `op` its second source: a literal where that is possible and pays.
  void set_second(MachOp& op, ValueId value, unsigned width) {
    if (is_const(value)) {
      const int64_t literal = sign_extend(constant(value), width);
      if (fits_short(literal)) {
        op.mode = isa::Mode::Short;
        op.imm = literal;
        return;
      }
      if (fits_long(literal) && !materialized_[value] && needed_[value] < kSharedConstantUses) {
        op.mode = isa::Mode::Long;
        op.imm = literal;
        return;
      }
    }
    op.b = reg_of(value);
  }

  /// The same for shift counts, of which only the low bits matter.
  void set_count(MachOp& op, ValueId value) {
    if (is_const(value)) {
      op.mode = isa::Mode::Short;
      op.imm = sign_extend(constant(value) << 58, 64) >> 58;
    } else {
      op.b = reg_of(value);
    }
  }

  static bool is_shift(ir::Op op) {
    return op == ir::Op::Shl || op == ir::Op::Shr || op == ir::Op::Sar || op == ir::Op::Rol || op == ir::Op::Ror ||
           op == ir::Op::Rcl || op == ir::Op::Rcr;
  }

  /// Gives `op` its flags register, filled with the old image if the atom reads one.
  void set_flags(MachOp& op, const ir::Inst& inst) {
    const bool reads_old = isa::info(op.op).has(isa::kReadsFd);
    const ir::OpInfo& row = ir::info(inst.op);
    const ValueId old = (row.effects & ir::kOldFlags) ? inst.src[row.sources - 1] : kNoValue;
    const bool wants_result = inst.flags != kNoValue && needed_[inst.flags];
    const bool reads_carry = inst.op == ir::Op::Adc || inst.op == ir::Op::Sbb || inst.op == ir::Op::Rcl || inst.op == ir::Op::Rcr;
    if (!wants_result && !reads_carry) return;
    op.f = wants_result ? virtual_register(inst.flags) : out_.new_virtual(true);
    if (!reads_old) return;
    MachOp copy;
    copy.d = op.f;
    if (is_const(old)) {
      load_constant(op.f, constant(old));
    } else {
      copy.op = isa::Op::Mov;
      copy.a = reg_of(old);
      emit(copy);
    }
  }

  Reg result(ValueId value) const {
    return value == kNoValue || needed_[value] == 0 ? Reg{isa::kZero} : virtual_register(value);
  }

  // -- operations ----------------------------------------------------------------------------------------

  void select_binary(const ir::Inst& inst, isa::Op atom, bool commutes, unsigned width, ValueId value) {
    MachOp op;
    op.op = atom;
    ValueId a = inst.src[0], b = inst.src[1];
    if (commutes && is_const(a) && !is_const(b)) std::swap(a, b);
    if (isa::info(atom).uses(isa::kWritesRd)) op.d = result(value);
    op.a = reg_of(a);
    if (is_shift(inst.op)) set_count(op, b);
    else set_second(op, b, width);
    if (isa::info(atom).has(isa::kWritesFd)) set_flags(op, inst);
    emit(op);
  }

  void select_unary(const ir::Inst& inst, isa::Op atom) {
    MachOp op;
    op.op = atom;
    op.d = result(inst.value);
    op.a = reg_of(inst.src[0]);
    if (isa::info(atom).has(isa::kWritesFd)) set_flags(op, inst);
    emit(op);
  }

  /// A result that the atom delivers in 64 bits, cut to the operation's width where it must be.
  void select_wide(const ir::Inst& inst, MachOp op, bool narrow_already) {
    if (inst.width == 64 || narrow_already) {
      op.d = result(inst.value);
      emit(op);
      return;
    }
    op.d = out_.new_virtual();
    emit(op);
    MachOp cut;
    cut.op = isa::at_width(isa::Op::Zext8, inst.width);
    cut.a = op.d;
    cut.d = result(inst.value);
    emit(cut);
  }

  /// True when all bits of the value above `width` are known to be 0.
  bool is_narrow(ValueId value, unsigned width) const {
    if (width == 64) return true;
    if (is_const(value)) return static_cast<uint64_t>(constant(value)) >> width == 0;
    const ir::Inst* def = definition(value);
    if (def == nullptr) return false;
    if (def->flags == value) return width >= 16;
    switch (def->op) {
      case ir::Op::Sext: case ir::Op::LoadS: case ir::Op::CLoadS: case ir::Op::LeaUw: case ir::Op::Call:
      case ir::Op::CallInd: case ir::Op::Intrinsic: case ir::Op::Helper: case ir::Op::OrcB: return false;
      case ir::Op::SetCc: case ir::Op::SetEq: case ir::Op::SetNe: case ir::Op::SetLtU: case ir::Op::SetLtS:
      case ir::Op::ExtractH: return true;
      default: return def->width <= width;
    }
  }

  void select_insert(const ir::Inst& inst, isa::Op atom) {
    MachOp op;
    op.op = atom;
    op.a = reg_of(inst.src[0]);
    set_second(op, inst.src[1], 64);
    select_wide(inst, op, is_narrow(inst.src[0], inst.width));
  }

  void select_choice(const ir::Inst& inst) {
    MachOp op;
    ValueId a = inst.src[1], b = inst.src[2];
    op.op = isa::Op::SelectNz;
    if (inst.op == ir::Op::SelectCc && inst.cond < ir::Cond::Zero) {
      const unsigned cond = static_cast<unsigned>(inst.cond);
      if (cond & 1) std::swap(a, b);  // the atom has only the even conditions
      op.op = isa::Op::SelectCc;
      op.cond = static_cast<isa::Cond>(cond & ~1u);
    } else if (inst.op == ir::Op::SelectCc && inst.cond == ir::Cond::Zero) {
      std::swap(a, b);
    }
    op.c = reg_of(inst.src[0]);
    op.a = reg_of(a);
    op.b = reg_of(b);
    select_wide(inst, op, is_narrow(a, inst.width) && is_narrow(b, inst.width));
  }

  void select_lea(const ir::Inst& inst) {
    MachOp op;
    const ValueId base = inst.src[0], index = inst.src[1];
    if (index == kNoValue && inst.width >= 8) {
      op.op = isa::at_width(isa::Op::Add8, inst.width);
      op.d = result(inst.value);
      op.a = reg_of(base);
      op.mode = fits_short(inst.imm) ? isa::Mode::Short : isa::Mode::Long;
      op.imm = sign_extend(inst.imm, 32);
      emit(op);
      return;
    }
    op.op = inst.op == ir::Op::LeaUw ? isa::Op::LeaUw : isa::at_width(isa::Op::Lea16, inst.width, 16);
    op.d = result(inst.value);
    op.a = reg_of(base);
    op.b = reg_of(index);
    op.scale = inst.aux;
    if (inst.imm != 0) {
      op.mode = isa::Mode::Long;
      op.imm = sign_extend(inst.imm, 32);
    }
    emit(op);
  }

  void select_double_shift(const ir::Inst& inst) {
    MachOp copy;
    copy.op = isa::Op::Mov;
    const Reg value = inst.value != kNoValue ? virtual_register(inst.value) : out_.new_virtual();
    copy.a = reg_of(inst.src[0]);
    MachOp op;
    op.op = isa::at_width(inst.op == ir::Op::Shld ? isa::Op::Shld16 : isa::Op::Shrd16, inst.width, 16);
    op.a = reg_of(inst.src[1]);
    set_count(op, inst.src[2]);
    set_flags(op, inst);
    copy.d = op.d = value;
    emit(copy);
    emit(op);
  }

  // -- memory --------------------------------------------------------------------------------------------

  /// base + offset in a register, computed once per pair.
  Reg address_register(ValueId base, int64_t offset) {
    for (const Address& known : addresses_) {
      if (known.base == base && known.offset == offset) return known.reg;
    }
    const Reg reg = out_.new_virtual();
    if (base == kNoValue) {
      load_constant(reg, offset);
    } else {
      MachOp op;
      op.op = isa::Op::Add64;
      op.d = reg;
      op.a = reg_of(base);
      op.mode = fits_short(offset) ? isa::Mode::Short : isa::Mode::Long;
      op.imm = offset;
      emit(op);
    }
    addresses_.push_back({base, offset, reg});
    return reg;
  }

  void set_address(MachOp& op, const ir::Inst& inst, unsigned size) {
    ValueId base = inst.src[0];
    int64_t offset = inst.imm;
    if (is_const(base)) {
      offset = static_cast<int64_t>(static_cast<uint64_t>(offset) + static_cast<uint64_t>(constant(base)));
      base = kNoValue;
      // Of guest addresses only 32 bits count: one name for each.
      if (ir::info(inst.op).effects & ir::kGuest) offset = sign_extend(offset, 32);
    }
    op.base = base;
    op.offset = offset;
    op.size = static_cast<uint8_t>(size);
    op.mode = isa::Mode::Short;
    op.imm = 0;
    if (const ir::Inst* sum = fusible_sum(inst)) {
      ValueId early = sum->src[0], late = sum->src[1];
      if (definition(early) != nullptr) std::swap(early, late);
      const int64_t ahead = displacement(*sum, offset);
      op.a = ahead == 0 ? reg_of(early) : address_register(early, ahead);
      op.b = reg_of(late);
      op.mode = isa::Mode::Register;
    } else if (offset == 0 && base != kNoValue) {
      op.a = reg_of(base);
    } else if (offsets_ && fits_long(offset)) {
      op.a = base == kNoValue ? Reg{isa::kZero} : reg_of(base);
      op.mode = fits_short(offset) ? isa::Mode::Short : isa::Mode::Long;
      op.imm = offset;
    } else {
      op.a = address_register(base, offset);
    }
    set_hoist_limit(op);
  }

  /// Absolute addresses of data; a folded pointer that is none may stand behind a test that protects it.
  static bool is_plausible(int64_t address) { return address >= 0 && address <= INT32_MAX; }

  /// A concealed load may pass an exit when an access near it, through the same base, does not come later.
  void set_hoist_limit(MachOp& op) {
    constexpr int64_t kNear = 4096;
    const isa::AtomInfo& row = isa::info(op.op);
    if (row.has(isa::kGuest)) {
      // A load whose speculation failed stays behind the exits before it, too.
      const bool in_order = guest_ < region_.in_order.size() && (region_.in_order[guest_] & kWithAll) != 0;
      op.hoist_limit = region_.faults_roll_back && !row.has(isa::kStore) && !in_order ? -1 : kNeverHoist;
      return;
    }
    const bool near = op.offset > -kNear && op.offset < kNear;
    int32_t first = kNeverHoist;
    if (op.base == kNoValue) first = is_plausible(op.offset) ? -1 : kNeverHoist;
    else if (near) first = first_access_[op.base];
    if (op.base != kNoValue && near && first == kNeverHoist) first_access_[op.base] = static_cast<int32_t>(out_.ops.size());
    op.hoist_limit = row.has(isa::kLoad) ? first : kNeverHoist;
  }

  void select_load(const ir::Inst& inst, bool guest, bool is_signed) {
    static constexpr isa::Op kAtoms[2][2][4] = {
        {{isa::Op::LdC8U, isa::Op::LdC16U, isa::Op::LdC32U, isa::Op::LdC64},
         {isa::Op::LdC8S, isa::Op::LdC16S, isa::Op::LdC32S, isa::Op::LdC64}},
        {{isa::Op::LdG8U, isa::Op::LdG16U, isa::Op::LdG32U, isa::Op::LdG64},
         {isa::Op::LdG8S, isa::Op::LdG16S, isa::Op::LdG32S, isa::Op::LdG64}}};
    MachOp op;
    op.op = kAtoms[guest][is_signed][log_size(inst)];
    op.d = result(inst.value);
    set_address(op, inst, inst.width / 8);
    if (guest && is_kept(inst)) emit_kept_load(inst, op, is_signed);
    else emit(op);
  }

  void select_store(const ir::Inst& inst, bool guest) {
    static constexpr isa::Op kAtoms[2][4] = {{isa::Op::StC8, isa::Op::StC16, isa::Op::StC32, isa::Op::StC64},
                                             {isa::Op::StG8, isa::Op::StG16, isa::Op::StG32, isa::Op::StG64}};
    MachOp op;
    op.op = kAtoms[guest][log_size(inst)];
    op.d = reg_of(inst.src[1]);
    set_address(op, inst, inst.width / 8);
    if (guest) check_against_kept(op);
    emit(op);
  }

  void select_probe(const ir::Inst& inst) {
    static constexpr isa::Op kAtoms[] = {isa::Op::ProbeG8, isa::Op::ProbeG16, isa::Op::ProbeG32, isa::Op::ProbeG64};
    MachOp op;
    op.op = kAtoms[log_size(inst)];
    set_address(op, inst, inst.width / 8);
    emit(op);
  }

  // Loads that stand for others, Op::Keep: from such a load to the last operation that keeps it, an alias entry is its own.

  void note_keep(const ir::Inst& inst) {
    if (kept_until_.empty()) kept_until_.assign(region_.code.next_value, nullptr);
    kept_until_[inst.src[0]] = &inst;
  }

  bool is_kept(const ir::Inst& load) const { return !kept_until_.empty() && kept_until_[load.value] != nullptr; }

  void emit_kept_load(const ir::Inst& inst, MachOp load, bool is_signed) {
    unsigned entry = 0;
    while (entry < alias_entries_ && kept_[entry].until >= at_) ++entry;
    CHRYSALIS_ASSERT(entry < alias_entries_, inst.guest);  // who deletes loads knows how many there are
    if (out_.kept_entries <= entry) out_.kept_entries = entry + 1;
    if (is_signed && inst.width < 64) {  // there is no such form under protection
      load.op = isa::at_width(isa::Op::LdG8U, inst.width);
      load.d = out_.new_virtual();
    }
    protect(load, entry);
    emit(load);
    kept_[entry] = {kept_until_[inst.value], load};
    if (!is_signed || inst.width == 64) return;
    MachOp extension;
    extension.op = sext(inst.width);
    extension.d = result(inst.value);
    extension.a = load.d;
    emit(extension);
  }

  void check_against_kept(MachOp& store) const {
    unsigned mask = 0;
    for (unsigned entry = 0; entry < out_.kept_entries; ++entry) {
      if (kept_[entry].until > at_ && may_overlap(kept_[entry].load, store, region_.stack)) mask |= 1u << entry;
    }
    if (mask != 0) check(store, mask);
  }

  static unsigned log_size(const ir::Inst& inst) {
    return inst.width == 8 ? 0 : inst.width == 16 ? 1 : inst.width == 32 ? 2 : 3;
  }

  // -- the last exit's registers -------------------------------------------------------------------------

  /// Something to be made for the last exit: an operation that nobody else needs, a constant, or a copy.
  struct Maker {
    const ir::Inst* inst;  ///< null: a constant or a copy of `value`
    ValueId value;
    uint8_t reg;
    ValueId displaced[2];  ///< entry values of the registers that it is for
    bool reads(ValueId other) const {
      if (other == kNoValue) return false;
      return inst == nullptr ? value == other : std::find(std::begin(inst->src), std::end(inst->src), other) != std::end(inst->src);
    }
  };

  bool only_for_last_map(ValueId value) const { return needed_[value] == 1 && in_last_map_[value]; }

  /// Whether the operation can wait for the last exit: nobody else needs what it makes, and it takes a cycle.
  bool can_wait(const ir::Inst& inst) const {
    if (!ir::is_pure(inst) || inst.op == ir::Op::Const) return false;
    const auto fits_in = [this](ValueId value) { return value == kNoValue || needed_[value] == 0 || only_for_last_map(value); };
    if (!fits_in(inst.value) || !fits_in(inst.flags)) return false;
    switch (inst.op) {
      case ir::Op::Add:
      case ir::Op::Sub:
      case ir::Op::And:
      case ir::Op::Or:
      case ir::Op::Xor:
      case ir::Op::Lea:
      case ir::Op::Zext: return true;
      default: return false;
    }
  }

  /// What has to be done for the last exit's map is part of the main path: it is scheduled like everything else.
  void deliver_last_map() {
    out_.last_point = point_;
    delivered_.assign(region_.code.next_value, false);
    makers_.clear();
    const std::span<const Binding> map = region_.map(static_cast<size_t>(point_));
    // Entry values stay where they are.
    for (const Binding& binding : map) {
      const Binding* const there = at_entry(binding.reg);
      if (there != nullptr && there->value == binding.value) delivered_[binding.value] = true;
    }
    for (const Binding& binding : map) {
      const ValueId value = binding.value;
      const Binding* const there = at_entry(binding.reg);
      const ValueId displaced = there == nullptr ? kNoValue : there->value;
      out_.last_map.push_back({value, binding.reg});
      if (displaced == value) continue;
      const auto waits = std::find_if(waiting_.begin(), waiting_.end(), [value](const ir::Inst* inst) { return inst->value == value || inst->flags == value; });
      const bool has_register = is_const(value) ? materialized_[value] : at_entry(value) == nullptr;
      if (waits != waiting_.end()) {
        const auto same = std::find_if(makers_.begin(), makers_.end(), [waits](const Maker& maker) { return maker.inst == *waits; });
        if (same == makers_.end()) makers_.push_back({*waits, value, binding.reg, {displaced, kNoValue}});
        else same->displaced[1] = displaced;
      } else if (delivered_[value] || !has_register) {
        makers_.push_back({nullptr, value, binding.reg, {displaced, kNoValue}});
      }
      delivered_[value] = true;
    }
    // Whoever reads what another displaces comes first.
    while (!makers_.empty()) {
      auto next = std::find_if(makers_.begin(), makers_.end(), [this](const Maker& maker) {
        return std::none_of(makers_.begin(), makers_.end(), [&maker](const Maker& other) {
          return &other != &maker && (other.reads(maker.displaced[0]) || other.reads(maker.displaced[1]));
        });
      });
      if (next == makers_.end()) next = makers_.begin();
      const Maker maker = *next;
      makers_.erase(next);
      make(maker);
    }
  }

  void make(const Maker& maker) {
    if (maker.inst != nullptr) {
      const ir::Inst* const exit = at_;
      at_ = maker.inst;
      guest_ = maker.inst->guest;
      select(*maker.inst);
      at_ = exit;
      guest_ = exit->guest;
    } else {
      const Reg made = make_anew(maker.value);
      for (Delivery& delivery : out_.last_map) {
        if (delivery.reg == maker.reg) delivery.index = static_cast<uint16_t>(made - kFirstVirtual);
      }
    }
    for (const ValueId displaced : maker.displaced) {
      if (displaced != kNoValue) out_.homecomings.push_back({displaced, static_cast<uint16_t>(out_.ops.size() - 1)});
    }
  }

  const Binding* at_entry(uint8_t reg) const {
    for (const Binding& binding : region_.entry) {
      if (binding.reg == reg) return &binding;
    }
    return nullptr;
  }
  const Binding* at_entry(ValueId value) const {
    for (const Binding& binding : region_.entry) {
      if (binding.value == value) return &binding;
    }
    return nullptr;
  }

  /// A constant, or a copy, in a register of its own.
  Reg make_anew(ValueId value) {
    const Reg to = out_.new_virtual(out_.virtuals[value].flags_class);
    if (is_const(value)) {
      load_constant(to, constant(value));
    } else {
      MachOp copy;
      copy.op = isa::Op::Mov;
      copy.d = to;
      copy.a = virtual_register(value);
      emit(copy);
    }
    return to;
  }

  // -- control -------------------------------------------------------------------------------------------

  MachOp& emit_exit(MachOp op) {
    op.hoist_limit = kNeverHoist;
    MachOp& emitted = emit(op);
    emitted.point = point_;
    return emitted;
  }

  /// The branch atom for `inst`'s condition, without a target.
  MachOp conditional(const ir::Inst& inst) {
    MachOp op;
    if (inst.cond < ir::Cond::Zero) {
      op.op = isa::Op::BrCc;
      op.cond = static_cast<isa::Cond>(inst.cond);
      op.a = reg_of(inst.src[0]);
      return op;
    }
    const bool on_true = inst.cond == ir::Cond::NonZero;
    const ir::Inst* compare = fusible_comparison(inst);
    if (compare == nullptr) {
      op.op = on_true ? isa::Op::BrNz : isa::Op::BrZ;
      op.a = reg_of(inst.src[0]);
      return op;
    }
    ValueId a = compare->src[0], b = compare->src[1];
    const bool equality = compare->op == ir::Op::SetEq || compare->op == ir::Op::SetNe;
    if (equality && is_const(a) && constant(a) == 0) std::swap(a, b);
    if (equality && is_const(b) && constant(b) == 0) {
      op.op = (compare->op == ir::Op::SetEq) == on_true ? isa::Op::BrZ : isa::Op::BrNz;
      op.a = reg_of(a);
      return op;
    }
    if (equality) op.op = (compare->op == ir::Op::SetEq) == on_true ? isa::Op::BrEq : isa::Op::BrNe;
    else if (compare->op == ir::Op::SetLtS) op.op = on_true ? isa::Op::BrLtS : isa::Op::BrGeS;
    else op.op = on_true ? isa::Op::BrLtU : isa::Op::BrGeU;
    op.a = reg_of(a);
    op.b = reg_of(b);
    return op;
  }

  void aim(MachOp& op, Target kind, int64_t target) {
    // Compare-and-branch has hardly room for a displacement: it takes a literal, which the layout drops where
    // it can. The others reach far enough, and the layout helps where they do not.
    const bool far = isa::info(op.op).uses(isa::kReadsRb);
    op.mode = far ? isa::Mode::Long : isa::Mode::Short;
    op.target_kind = kind;
    op.target = target;
  }

  /// The commit that belongs to a final exit; it has the exit's map.
  void emit_commit(isa::Op atom) {
    MachOp op;
    op.op = atom;
    op.count = static_cast<uint16_t>(region_.newly_completed(static_cast<size_t>(point_)));
    op.hoist_limit = kNeverHoist;
    if (atom == isa::Op::CommitPc) op.a = isa::kGuestEip;
    emit(op).point = point_;
  }

  void emit_branch(isa::Op atom, Reg a, Target kind, int64_t target) {
    MachOp op;
    op.op = atom;
    op.a = a;
    op.hoist_limit = kNeverHoist;
    if (kind != Target::None) aim(op, kind, target);
    emit(op);
  }

  /// The guest's own push of the return address has it in a register as well.
  Reg return_address(uint32_t address) {
    for (size_t i = insts_.size(); i-- > 0;) {
      const ir::Inst& inst = insts_[i];
      if (inst.op == ir::Op::Store && is_const(inst.src[1]) && materialized_[inst.src[1]] && constant(inst.src[1]) == static_cast<int32_t>(address))
        return virtual_register(inst.src[1]);
    }
    const Reg to = out_.new_virtual();
    load_constant(to, static_cast<int32_t>(address));
    return to;
  }

  /// Where a call returns to: its return address is pushed with the host's idea of it.
  void push_return(uint32_t address) {
    const Reg guest = return_address(address);
    MachOp op;
    op.op = isa::Op::ReturnPush;
    op.a = guest;
    op.mode = isa::Mode::Long;
    op.target_kind = Target::GuestReturn;
    op.target = address;
    op.hoist_limit = kNeverHoist;
    emit(op);
  }

  /// The last exit, to a guest address that is known.
  void select_guest_exit(const ir::Inst& inst) {
    const auto target = static_cast<uint32_t>(inst.imm);
    if (return_stack_ && inst.aux == static_cast<uint8_t>(ir::ExitKind::Call)) push_return(region_.next_eip);
    emit_commit(isa::Op::Commit);
    MachOp& commit = out_.ops.back();
    if (target != region_.eip || !region_.keeps_pc()) {  // otherwise GPC holds the address already
      commit.mode = isa::Mode::Long;
      commit.imm = target;
    }
    emit_branch(isa::Op::Br, kNoReg, Target::GuestExit, target);
  }

  /// The last exit, to a guest address in a register; the map puts it into r8. The look-up does not wait for the commit.
  void select_indirect_exit(const ir::Inst& inst) {
    if (jtb_) {
      MachOp look_up;
      look_up.op = isa::Op::JtbLookup;
      look_up.d = kJumpTarget;
      look_up.a = reg_of(inst.src[0]);
      emit(look_up);
    }
    if (return_stack_ && inst.aux == static_cast<uint8_t>(ir::ExitKind::Call)) push_return(region_.next_eip);
    emit_commit(isa::Op::CommitPc);
    const bool returns = inst.aux == static_cast<uint8_t>(ir::ExitKind::Return);
    if (returns && return_stack_) emit_branch(isa::Op::Ret, isa::kGuestEip, Target::None, 0);
    if (jtb_) {
      emit_branch(isa::Op::BrZ, kJumpTarget, Target::GuestIndirect, 0);
      emit_branch(isa::Op::BrInd, kJumpTarget, Target::None, 0);
    } else {
      emit_branch(isa::Op::Br, kNoReg, Target::GuestIndirect, 0);
    }
  }

  void select_exit(const ir::Inst& inst) {
    MachOp op;
    op.op = isa::Op::Br;
    switch (inst.op) {
      case ir::Op::Jump: aim(op, Target::Label, inst.imm); break;
      case ir::Op::Exit: return select_guest_exit(inst);
      case ir::Op::Trap: aim(op, Target::GuestTrap, inst.aux); break;
      case ir::Op::Branch: op = conditional(inst); aim(op, Target::Label, inst.imm); break;
      case ir::Op::ExitIf: {
        const uint16_t path = region_.maps[static_cast<size_t>(point_)].path;
        op = conditional(inst);
        aim(op, path != 0 ? Target::Path : Target::GuestExit, path != 0 ? path : inst.imm);
        break;
      }
      case ir::Op::TrapIf: op = conditional(inst); aim(op, Target::GuestTrap, inst.aux); break;
      case ir::Op::ExitIndIf: op = conditional(inst); aim(op, Target::GuestIndirect, 0); break;
      case ir::Op::ExitInd: return select_indirect_exit(inst);
      case ir::Op::JumpInd: op.op = isa::Op::BrInd; op.a = reg_of(inst.src[0]); break;
      case ir::Op::Call: op.op = isa::Op::Call; op.d = result(inst.value); aim(op, Target::Label, inst.imm); break;
      case ir::Op::CallInd: op.op = isa::Op::CallInd; op.d = result(inst.value); op.a = reg_of(inst.src[0]); break;
      default: CHRYSALIS_ASSERT(false, inst.op);
    }
    emit_exit(op);
  }

  void select_intrinsic(const ir::Inst& inst) {
    MachOp op;
    op.hoist_limit = kNeverHoist;
    switch (static_cast<ir::IntrinsicId>(inst.imm)) {
      case ir::IntrinsicId::Commit:
        CHRYSALIS_ASSERT(is_const(inst.src[0]), inst.guest);
        op.op = isa::Op::Commit;
        op.count = static_cast<uint16_t>(constant(inst.src[0]));
        if (const uint32_t eip = region_.maps[static_cast<size_t>(point_)].eip; eip != Region::kNoAddress) {
          op.mode = isa::Mode::Long;
          op.imm = eip;
        }
        emit_exit(op);
        return;
      case ir::IntrinsicId::Rollback: op.op = isa::Op::Rollback; break;
      case ir::IntrinsicId::Eret: op.op = isa::Op::Eret; emit_exit(op); return;
      case ir::IntrinsicId::Platform: op.op = isa::Op::Platform; op.a = reg_of(inst.src[0]); break;
      case ir::IntrinsicId::ReadSpecial:
        CHRYSALIS_ASSERT(is_const(inst.src[0]), inst.guest);
        op.op = isa::Op::Mfs;
        op.d = result(inst.value);
        op.count = static_cast<uint16_t>(constant(inst.src[0]));
        break;
      case ir::IntrinsicId::WriteSpecial:
        CHRYSALIS_ASSERT(is_const(inst.src[0]), inst.guest);
        op.op = isa::Op::Mts;
        op.a = reg_of(inst.src[1]);
        op.count = static_cast<uint16_t>(constant(inst.src[0]));
        break;
      case ir::IntrinsicId::TlbWrite:
        op.op = isa::Op::TlbWrite;
        op.a = reg_of(inst.src[0]);
        op.b = reg_of(inst.src[1]);
        break;
      case ir::IntrinsicId::TlbFlush: op.op = isa::Op::TlbFlush; break;
      case ir::IntrinsicId::TlbFlushPage: op.op = isa::Op::TlbFlushPage; op.a = reg_of(inst.src[0]); break;
      case ir::IntrinsicId::JtbWrite:
        op.op = isa::Op::JtbWrite;
        op.a = reg_of(inst.src[0]);
        op.b = reg_of(inst.src[1]);
        break;
      case ir::IntrinsicId::JtbClear: op.op = isa::Op::JtbClear; break;
      case ir::IntrinsicId::ReturnClear: op.op = isa::Op::ReturnClear; break;
      default: {
        Reg sources[3] = {kNoReg, kNoReg, kNoReg};
        const unsigned count = ir::info(static_cast<ir::IntrinsicId>(inst.imm)).sources;
        for (unsigned i = 0; i < count; ++i) sources[i] = reg_of(inst.src[i]);
        generate_fp(static_cast<ir::IntrinsicId>(inst.imm), result(inst.value), sources, out_);
        return;
      }
    }
    emit(op);
  }

  void select_uncount(const ir::Inst& inst) {
    MachOp op;
    op.op = inst.cond == ir::Cond::Zero ? isa::Op::UncountZ : inst.cond == ir::Cond::NonZero ? isa::Op::UncountNz : isa::Op::UncountCc;
    if (op.op == isa::Op::UncountCc) op.cond = static_cast<isa::Cond>(inst.cond);
    op.a = reg_of(inst.src[0]);
    op.count = static_cast<uint16_t>(inst.imm);
    op.hoist_limit = kNeverHoist;
    emit(op);
  }

  void select(const ir::Inst& inst) {
    switch (inst.op) {
      case ir::Op::Const: return;  // on demand
      case ir::Op::UncountIf: return select_uncount(inst);
      case ir::Op::Copy:
      case ir::Op::Zext:
        return select_unary(inst, inst.width == 64 ? isa::Op::Mov : zext(inst.width));
      case ir::Op::Sext:
        if (const ir::Inst* def = fusible_extension(inst)) {
          return select_binary(*def, sign_extending(def->op), atom_family(def->op).commutes, 32, inst.value);
        }
        return select_unary(inst, inst.width == 64 ? isa::Op::Mov : sext(inst.width));
      case ir::Op::OrcB: return select_unary(inst, isa::Op::OrcB);
      case ir::Op::ExtractH: return select_unary(inst, isa::Op::ExtractH);
      case ir::Op::InsertL8: return select_insert(inst, isa::Op::InsertL8);
      case ir::Op::InsertH8: return select_insert(inst, isa::Op::InsertH8);
      case ir::Op::InsertL16: return select_insert(inst, isa::Op::InsertL16);
      case ir::Op::Lea:
      case ir::Op::LeaUw: return select_lea(inst);
      case ir::Op::Shld:
      case ir::Op::Shrd: return select_double_shift(inst);
      case ir::Op::SetCc: {
        MachOp op;
        op.op = isa::Op::SetCc;
        op.cond = static_cast<isa::Cond>(inst.cond);
        op.a = reg_of(inst.src[0]);
        op.d = result(inst.value);
        emit(op);
        return;
      }
      case ir::Op::SelectCc:
      case ir::Op::SelectNz: return select_choice(inst);
      case ir::Op::Load: return select_load(inst, true, false);
      case ir::Op::LoadS: return select_load(inst, true, true);
      case ir::Op::CLoad: return select_load(inst, false, false);
      case ir::Op::CLoadS: return select_load(inst, false, true);
      case ir::Op::Store: return select_store(inst, true);
      case ir::Op::CStore: return select_store(inst, false);
      case ir::Op::ProbeWrite: return select_probe(inst);
      case ir::Op::Keep: return;  // acts on the stores before it
      case ir::Op::CodeAddr: {
        MachOp op;
        op.op = isa::Op::MovImm;
        op.mode = isa::Mode::Long;
        op.d = result(inst.value);
        op.target_kind = Target::Label;
        op.target = inst.imm;
        emit(op);
        return;
      }
      case ir::Op::Intrinsic: return select_intrinsic(inst);
      default: break;
    }
    if (ir::is_exit(inst)) return select_exit(inst);
    const AtomFamily row = atom_family(inst.op);
    CHRYSALIS_ASSERT(row.first != isa::Op::Nop, inst.op);
    const isa::Op atom = row.first_width == 64 ? row.first : isa::at_width(row.first, inst.width, row.first_width);
    if (!isa::info(atom).uses(isa::kReadsRb | isa::kReadsRm)) return select_unary(inst, atom);
    select_binary(inst, atom, row.commutes, row.first_width == 64 ? 64 : inst.width, inst.value);
  }

  static isa::Op zext(unsigned width) {
    return width == 8 ? isa::Op::Zext8 : width == 16 ? isa::Op::Zext16 : isa::Op::Zext32;
  }
  static isa::Op sext(unsigned width) {
    return width == 8 ? isa::Op::Sext8 : width == 16 ? isa::Op::Sext16 : isa::Op::Sext32;
  }

  struct Address {
    ValueId base;
    int64_t offset;
    Reg reg;
  };

  struct Kept {
    const ir::Inst* until = nullptr;
    MachOp load;
  };

  const Region& region_;
  const std::vector<ir::Inst>& insts_;
  const bool offsets_, jtb_, return_stack_;
  const unsigned alias_entries_;
  MachineCode& out_;
  std::vector<const ir::Inst*> defs_;
  std::vector<uint32_t> needed_;       // uses left after fusion
  std::vector<const ir::Inst*> waiting_;  // for the last exit
  std::vector<bool> in_last_map_;
  std::vector<Maker> makers_;
  std::vector<bool> delivered_;        // values that the last exit's map has found a register for
  std::vector<bool> materialized_;     // constants that have their register
  std::vector<int32_t> first_access_;  // by base: the operation that first reads or writes near it
  std::vector<Address> addresses_;
  std::vector<const ir::Inst*> kept_until_;  // by value of a load: the last operation that keeps it; empty: none is
  Kept kept_[8];                       // by alias entry
  const ir::Inst* at_ = nullptr;       // the operation at hand
  int32_t point_ = -1;
  uint16_t guest_ = 0;
};

}  // namespace

void generate(const Region& region, const isa::MachineDescription& machine, MachineCode& out) {
  Generator(region, machine, out).run();
}

}  // namespace chrysalis::translator
