#include "translator/ir/verify.h"

#include "translator/ir/intrinsics.h"

namespace chrysalis::ir {
namespace {

class Verifier {
 public:
  Verifier(const Code& code, std::span<const ValueId> entry, bool lifted)
      : code_(code), lifted_(lifted), defined_(code.next_value, false), made_by_(code.next_value, Op::kCount) {
    for (const ValueId value : entry) define(value);
  }

  std::vector<Violation> run() {
    for (at_ = 0; at_ < code_.insts.size(); ++at_) check(code_.insts[at_]);
    if (code_.insts.empty() || !is_known(code_.insts.back()) || !is_final_exit(code_.insts.back())) {
      report("the last operation must be an exit without a condition");
    }
    return std::move(violations_);
  }

 private:
  void report(const char* rule) { violations_.push_back({at_, rule}); }

  void define(ValueId value) {
    if (value >= defined_.size()) return report("a value is not below next_value");
    if (defined_[value]) return report("a value is defined twice");
    defined_[value] = true;
  }

  void check(const Inst& inst) {
    if (inst.op >= Op::kCount) return report("unknown operation");
    if (!is_known(inst)) return report("unknown intrinsic");
    if (inst.width != 8 && inst.width != 16 && inst.width != 32 && inst.width != 64) report("width must be 8, 16, 32 or 64");
    if (inst.cond > Cond::NonZero) report("unknown condition");
    check_sources(inst);
    check_types(inst);
    check_results(inst);
    check_fields(inst);
    check_order(inst);
  }

  void check_sources(const Inst& inst) {
    const OpInfo& row = info(inst.op);
    unsigned count = row.sources;
    if (inst.op == Op::Intrinsic) count = info(static_cast<IntrinsicId>(inst.imm)).sources;
    for (unsigned i = 0; i < 4; ++i) {
      const ValueId source = inst.src[i];
      if (source == kNoValue) {
        if (i < count && !may_be_absent(inst, i, count)) report("a source is missing");
      } else if (i >= count) {
        report("more sources than the operation takes");
      } else if (source >= defined_.size() || !defined_[source]) {
        report("a source is used before its definition");
      }
    }
  }

  static bool may_be_absent(const Inst& inst, unsigned index, unsigned count) {
    if (inst.op == Op::Lea || inst.op == Op::Helper) return true;
    if (index + 1 != count || !(info(inst.op).effects & kOldFlags)) return false;
    const bool reads_carry = inst.op == Op::Adc || inst.op == Op::Sbb || inst.op == Op::Rcl || inst.op == Op::Rcr;
    return inst.flags == kNoValue && !reads_carry;
  }

  /// What an operation makes, for types; Op::kCount: a flags image, or defined at entry.
  Op maker(ValueId value) const { return value < made_by_.size() ? made_by_[value] : Op::kCount; }

  /// True for results that nobody means as flags. Logic, shifts, choices and moves put flags images together.
  static bool is_no_image(Op op) {
    if (op == Op::kCount) return false;
    if (effects_of(op) & kGuest) return true;
    switch (op) {
      case Op::Add: case Op::Sub: case Op::Adc: case Op::Sbb: case Op::Inc: case Op::Dec: case Op::Neg: case Op::MulLow:
      case Op::MulHighU: case Op::MulHighS: case Op::MulHighSU: case Op::DivU: case Op::DivS: case Op::RemU: case Op::RemS:
      case Op::Lea: case Op::LeaUw: case Op::CodeAddr: return true;
      default: return false;
    }
  }
  static uint16_t effects_of(Op op) { return info(op).effects; }

  void check_types(const Inst& inst) {
    const OpInfo& row = info(inst.op);
    const bool tests = inst.op == Op::SetCc || inst.op == Op::SelectCc || (row.effects & kSide) != 0;
    if (lifted_ && tests && inst.cond < Cond::Zero && is_no_image(maker(inst.src[0]))) report("a condition of flags tests what is no flags image");
    if (lifted_ && (row.effects & kOldFlags) && is_no_image(maker(inst.src[row.sources - 1]))) report("the old flags are no flags image");
    if (inst.op == Op::Keep && maker(inst.src[0]) != Op::Load && maker(inst.src[0]) != Op::LoadS) report("only the result of a guest load can be kept");
  }

  void check_results(const Inst& inst) {
    Results allowed = info(inst.op).results;
    if (inst.op == Op::Intrinsic) {
      allowed = info(static_cast<IntrinsicId>(inst.imm)).has_result ? Results::V : Results::N;
    }
    const unsigned bits = static_cast<unsigned>(allowed);
    if (inst.value != kNoValue && !(bits & 1)) report("the operation has no value result");
    if (inst.flags != kNoValue && !(bits & 2)) report("the operation has no flags result");
    if (is_pure(inst) && inst.value == kNoValue && inst.flags == kNoValue) {
      report("an operation without effect delivers nothing");
    }
    if (inst.value != kNoValue) define(inst.value);
    if (inst.value < made_by_.size()) made_by_[inst.value] = inst.op;
    if (inst.flags != kNoValue) define(inst.flags);
  }

  void check_fields(const Inst& inst) {
    if (inst.op == Op::GetReg || inst.op == Op::SetReg) {
      if (inst.aux >= static_cast<uint8_t>(GuestReg::kCount)) report("unknown guest register");
    } else if ((inst.op == Op::Lea || inst.op == Op::LeaUw) && inst.aux > 3) {
      report("a scale must be 0 to 3");
    } else if ((inst.op == Op::ExitInd || inst.op == Op::ExitIndIf || inst.op == Op::Exit || inst.op == Op::ExitIf) && inst.aux > static_cast<uint8_t>(ExitKind::Repeat)) {
      report("unknown exit kind");
    }
  }

  void check_order(const Inst& inst) {
    if (at_ > 0 && inst.guest < guest_) report("guest instruction indices decrease");
    if (at_ == 0 || inst.guest != guest_) written_ = false;
    guest_ = inst.guest;
    const uint16_t effect = effects(inst);
    if ((effect & kMayFault) && written_) report("a guest register is written before an operation that may fault");
    if (inst.op == Op::SetReg) written_ = true;
    if (is_final_exit(inst) && at_ + 1 != code_.insts.size()) report("operations follow the final exit");
  }

  const Code& code_;
  const bool lifted_;
  std::vector<bool> defined_;
  std::vector<Op> made_by_;  // by value
  std::vector<Violation> violations_;
  uint32_t at_ = 0;
  uint16_t guest_ = 0;
  bool written_ = false;
};

}  // namespace

std::vector<Violation> verify(const Code& code, std::span<const ValueId> entry, bool lifted) { return Verifier(code, entry, lifted).run(); }

}  // namespace chrysalis::ir
