#include "translator/ir/text.h"

#include <cstdio>

#include "translator/ir/text_syntax.h"

namespace chrysalis::ir {
namespace {

std::string hex(int64_t number) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "0x%llx", static_cast<unsigned long long>(number));
  return buffer;
}

std::string signed_hex(int64_t number) { return number < 0 ? "-" + hex(static_cast<int64_t>(0 - static_cast<uint64_t>(number))) : hex(number); }

std::string value_name(ValueId value, std::span<const bool> is_flags) {
  if (value == kNoValue) return "-";
  const bool flags = value < is_flags.size() && is_flags[value];
  return (flags ? 'f' : 'v') + std::to_string(value);
}

/// Collects operands.
class Operands {
 public:
  void add(const std::string& word) {
    text_ += text_.empty() ? " " : ", ";
    text_ += word;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What follows the sources: the meaning of imm and aux differs by operation.
void add_tail(const Inst& inst, Operands& out) {
  bool aux = inst.aux != 0, imm = inst.imm != 0 && inst.op != Op::Intrinsic;  // still to be told
  const auto kind = [&] {
    if (aux && inst.aux < std::size(kExitKinds)) {
      out.add(kExitKinds[inst.aux]);
      aux = false;
    }
  };
  const auto vector = [&] {
    out.add("#" + std::to_string(inst.aux));
    aux = false;
  };
  switch (tail_of(inst.op)) {
    case Tail::None: break;
    case Tail::Number: out.add(hex(inst.imm)); imm = false; break;
    case Tail::GuestReg:
      if (inst.aux < static_cast<uint8_t>(GuestReg::kCount)) {
        out.add(name(static_cast<GuestReg>(inst.aux)));
        aux = false;
      }
      break;
    case Tail::Lea: out.add("<<" + std::to_string(inst.aux)); out.add(signed_hex(inst.imm)); aux = imm = false; break;
    case Tail::Scale: out.add("<<" + std::to_string(inst.aux)); aux = false; break;
    case Tail::Address: out.add("@" + hex(inst.imm)); imm = false; kind(); break;
    case Tail::Kind: kind(); break;
    case Tail::Trap: vector(); out.add(hex(inst.imm)); imm = false; break;
    case Tail::SoftInt:
      vector();
      if (imm) out.add(hex(inst.imm));
      imm = false;
      break;
    case Tail::Helper: out.add(std::to_string(inst.imm)); imm = false; break;
    case Tail::Label: out.add("L" + std::to_string(inst.imm)); imm = false; break;
    case Tail::Offset:
      if (imm) out.add((inst.imm < 0 ? "" : "+") + signed_hex(inst.imm));
      imm = false;
      break;
  }
  if (aux) out.add("aux=" + std::to_string(inst.aux));
  if (imm) out.add("imm=" + signed_hex(inst.imm));
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
  if (!is_known(inst)) return "?";
  std::string line;
  if (inst.value != kNoValue) line += value_name(inst.value, {});
  if (inst.flags != kNoValue) line += (line.empty() ? "f" : ", f") + std::to_string(inst.flags);
  if (!line.empty()) line += " = ";
  line += inst.op == Op::Intrinsic ? info(static_cast<IntrinsicId>(inst.imm)).text : info(inst.op).text;
  if (inst.width != usual_width(inst)) line += "." + std::to_string(inst.width);
  if (has_condition(inst.op) || inst.cond != Cond{}) line += std::string(".") + name(inst.cond);
  Operands operands;
  unsigned sources = source_count(inst);
  for (unsigned i = sources; i < std::size(inst.src); ++i) {
    if (inst.src[i] != kNoValue) sources = i + 1;
  }
  for (unsigned i = 0; i < sources; ++i) operands.add(value_name(inst.src[i], is_flags));
  add_tail(inst, operands);
  return line + operands.text();
}

FlagsResults::FlagsResults(const Code& code) : count_(code.next_value), bits_(std::make_unique<bool[]>(count_ + 1u)) {
  for (const Inst& inst : code.insts) {
    if (inst.flags < count_) bits_[inst.flags] = true;
  }
}

std::string text(const Code& code) {
  const FlagsResults is_flags(code);
  std::string out;
  uint32_t guest = 0xffffffff;
  for (const Inst& inst : code.insts) {
    if (inst.guest != guest) out += "guest " + std::to_string(guest = inst.guest) + "\n";
    out += "  " + text(inst, is_flags.span()) + "\n";
  }
  return out;
}

}  // namespace chrysalis::ir
