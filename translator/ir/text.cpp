#include "translator/ir/text.h"

#include <cstdio>
#include <memory>

#include "translator/ir/intrinsics.h"

namespace chrysalis::ir {
namespace {

std::string hex(int64_t number) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "0x%llx", static_cast<unsigned long long>(number));
  return buffer;
}

std::string value_name(ValueId value, std::span<const bool> is_flags) {
  if (value == kNoValue) return "-";
  const bool flags = value < is_flags.size() && is_flags[value];
  return (flags ? 'f' : 'v') + std::to_string(value);
}

bool has_condition(Op op) {
  return op == Op::SetCc || op == Op::SelectCc || (info(op).effects & kSide) != 0;
}

unsigned source_count(const Inst& inst) {
  if (inst.op == Op::Intrinsic) return info(static_cast<IntrinsicId>(inst.imm)).sources;
  return info(inst.op).sources;
}

/// What follows the sources: the meaning of imm and aux differs by operation.
std::string trailer(const Inst& inst) {
  static constexpr const char* kKinds[] = {"jump", "call", "return"};
  switch (inst.op) {
    case Op::Const: return hex(inst.imm);
    case Op::GetReg:
    case Op::SetReg: return name(static_cast<GuestReg>(inst.aux));
    case Op::Lea: return "<<" + std::to_string(inst.aux) + ", " + hex(inst.imm);
    case Op::LeaUw: return "<<" + std::to_string(inst.aux);
    case Op::Exit:
    case Op::ExitIf: return "@" + hex(inst.imm);
    case Op::ExitInd: return kKinds[inst.aux % 3];
    case Op::Trap:
    case Op::TrapIf: return "#" + std::to_string(inst.aux) + ", " + hex(inst.imm);
    case Op::SoftInt: return "#" + std::to_string(inst.aux);
    case Op::Helper: return "helper " + std::to_string(inst.imm);
    case Op::Branch:
    case Op::Jump:
    case Op::Call:
    case Op::CodeAddr: return "L" + std::to_string(inst.imm);
    default: break;
  }
  if ((info(inst.op).effects & (kLoad | kStore)) && inst.imm != 0) return "+" + hex(inst.imm);
  return {};
}

}  // namespace

const char* name(Cond cond) {
  static constexpr const char* kNames[] = {"o", "no", "b", "nb", "z", "nz", "be", "nbe", "s",
                                           "ns", "p", "np", "l", "nl", "le", "nle", "zero", "nonzero"};
  return cond <= Cond::NonZero ? kNames[static_cast<unsigned>(cond)] : "?";
}

const char* name(GuestReg reg) {
  static constexpr const char* kNames[] = {"eax",    "ecx",    "edx",    "ebx",    "esp",     "ebp",     "esi",     "edi",
                                           "eip",    "flags",  "sysflags", "es",   "cs",      "ss",      "ds",      "fs",
                                           "gs",     "es_base", "cs_base", "ss_base", "ds_base", "fs_base", "gs_base",
                                           "fpu_error"};
  return reg < GuestReg::kCount ? kNames[static_cast<unsigned>(reg)] : "?";
}

std::string text(const Inst& inst, std::span<const bool> is_flags) {
  if (inst.op >= Op::kCount) return "?";
  std::string line;
  if (inst.value != kNoValue) line += value_name(inst.value, {});
  if (inst.flags != kNoValue) line += (line.empty() ? "f" : ", f") + std::to_string(inst.flags);
  if (!line.empty()) line += " = ";
  const bool intrinsic = inst.op == Op::Intrinsic && inst.imm >= 0 && inst.imm < static_cast<int64_t>(IntrinsicId::kCount);
  line += intrinsic ? info(static_cast<IntrinsicId>(inst.imm)).text : info(inst.op).text;
  if (!(effects(inst) & kExit) && inst.op != Op::Const && !intrinsic) line += "." + std::to_string(inst.width);
  if (has_condition(inst.op)) line += std::string(".") + name(inst.cond);
  const char* separator = " ";
  for (unsigned i = 0; i < source_count(inst) && i < 4; ++i) {
    line += separator + value_name(inst.src[i], is_flags);
    separator = ", ";
  }
  const std::string tail = intrinsic ? std::string() : trailer(inst);
  if (!tail.empty()) line += separator + tail;
  return line;
}

std::string text(const Code& code) {
  const auto is_flags = std::make_unique<bool[]>(code.next_value + 1u);
  for (const Inst& inst : code.insts) {
    if (inst.flags != kNoValue && inst.flags < code.next_value) is_flags[inst.flags] = true;
  }
  std::string out;
  uint32_t guest = 0xffffffff;
  for (const Inst& inst : code.insts) {
    if (inst.guest != guest) out += "; guest " + std::to_string(guest = inst.guest) + "\n";
    out += "  " + text(inst, {is_flags.get(), code.next_value}) + "\n";
  }
  return out;
}

}  // namespace chrysalis::ir
