#include "translator/ir/verify.h"

#include "translator/ir/intrinsics.h"

namespace chrysalis::ir {
namespace {

class Verifier {
 public:
  Verifier(const Code& code, std::span<const ValueId> entry) : code_(code), defined_(code.next_value, false) {
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
    if (inst.flags != kNoValue) define(inst.flags);
  }

  void check_fields(const Inst& inst) {
    if (inst.op == Op::GetReg || inst.op == Op::SetReg) {
      if (inst.aux >= static_cast<uint8_t>(GuestReg::kCount)) report("unknown guest register");
    } else if ((inst.op == Op::Lea || inst.op == Op::LeaUw) && inst.aux > 3) {
      report("a scale must be 0 to 3");
    } else if (inst.op == Op::ExitInd && inst.aux > static_cast<uint8_t>(ExitKind::Return)) {
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
  std::vector<bool> defined_;
  std::vector<Violation> violations_;
  uint32_t at_ = 0;
  uint16_t guest_ = 0;
  bool written_ = false;
};

}  // namespace

std::vector<Violation> verify(const Code& code, std::span<const ValueId> entry) { return Verifier(code, entry).run(); }

}  // namespace chrysalis::ir
