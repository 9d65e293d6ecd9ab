#include "x86-frontend/gen/reference.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>

namespace chrysalis::x86::gen {
namespace {

void check(ZyanStatus status) {
  if (!ZYAN_SUCCESS(status)) {
    std::fprintf(stderr, "Zydis refuses the decoder's settings\n");
    std::abort();
  }
}

}  // namespace

Reference::Reference() {
  check(ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32));
  for (ZydisDecoderMode mode : {ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET, ZYDIS_DECODER_MODE_LZCNT,
                                ZYDIS_DECODER_MODE_TZCNT, ZYDIS_DECODER_MODE_CLDEMOTE}) {
    check(ZydisDecoderEnableMode(&decoder_, mode, ZYAN_FALSE));
  }
}

void Reference::decode(std::span<const uint8_t> bytes, ReferenceInst& out) const {
  out.beyond_ours = false;
  ZyanStatus status = ZydisDecoderDecodeFull(&decoder_, bytes.data(), bytes.size(), &out.inst, out.operands.data());
  if (ZYAN_SUCCESS(status)) {
    out.beyond_ours = !is_ours(out.inst);
    out.verdict = out.beyond_ours ? Verdict::Undefined : Verdict::Ok;
  } else if (status == ZYDIS_STATUS_NO_MORE_DATA) {
    out.verdict = Verdict::NeedMoreBytes;
  } else if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) {
    out.verdict = Verdict::TooLong;
  } else {
    out.verdict = Verdict::Undefined;
  }
}

bool is_ours(const ZydisDecodedInstruction& inst) {
  if (inst.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) {
    return false;  // 3DNow!, VEX, EVEX, MVEX, XOP
  }
  switch (inst.meta.isa_set) {
    case ZYDIS_ISA_SET_I86:
    case ZYDIS_ISA_SET_I186:
    case ZYDIS_ISA_SET_I286REAL:
    case ZYDIS_ISA_SET_I286PROTECTED:
    case ZYDIS_ISA_SET_I386:
    case ZYDIS_ISA_SET_I486:
    case ZYDIS_ISA_SET_I486REAL:
    case ZYDIS_ISA_SET_PENTIUMREAL:
    case ZYDIS_ISA_SET_PPRO:
    case ZYDIS_ISA_SET_CMOV:
    case ZYDIS_ISA_SET_RDPMC:
    case ZYDIS_ISA_SET_LAHF:
    case ZYDIS_ISA_SET_FAT_NOP:
    case ZYDIS_ISA_SET_PREFETCH_NOP:
    case ZYDIS_ISA_SET_PAUSE:
    case ZYDIS_ISA_SET_X87:
    case ZYDIS_ISA_SET_FCMOV:
    case ZYDIS_ISA_SET_FXSAVE:
    case ZYDIS_ISA_SET_PENTIUMMMX:
    case ZYDIS_ISA_SET_SSE:
    case ZYDIS_ISA_SET_SSEMXCSR:
    case ZYDIS_ISA_SET_SSE_PREFETCH:
    case ZYDIS_ISA_SET_SSE2:
    case ZYDIS_ISA_SET_SSE2MMX:
    case ZYDIS_ISA_SET_CLFSH:
      return true;
    default:
      return false;
  }
}

std::string mnemonic_enumerator(const ZydisDecodedInstruction& inst) {
  std::string name = ZydisMnemonicGetString(inst.mnemonic);
  // "feni8087_nop": words are joined.
  std::string enumerator;
  bool capital = true;
  for (char c : name) {
    if (c == '_') {
      capital = true;
      continue;
    }
    enumerator += capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    capital = false;
  }
  bool shares_its_name = inst.mnemonic == ZYDIS_MNEMONIC_MOVSD || inst.mnemonic == ZYDIS_MNEMONIC_CMPSD;
  if (shares_its_name && inst.meta.isa_set == ZYDIS_ISA_SET_SSE2) {
    enumerator += "Xmm";
  }
  return enumerator;
}

std::optional<RegisterName> register_name(ZydisRegister reg) {
  struct Range {
    ZydisRegister first;
    unsigned count;
    RegisterClass reg_class;
  };
  static constexpr Range kRanges[] = {
      {ZYDIS_REGISTER_AL, 8, RegisterClass::General},   {ZYDIS_REGISTER_AX, 8, RegisterClass::General},
      {ZYDIS_REGISTER_EAX, 8, RegisterClass::General},  {ZYDIS_REGISTER_ES, 6, RegisterClass::Segment},
      {ZYDIS_REGISTER_ST0, 8, RegisterClass::St},       {ZYDIS_REGISTER_MM0, 8, RegisterClass::Mm},
      {ZYDIS_REGISTER_XMM0, 8, RegisterClass::Xmm},     {ZYDIS_REGISTER_CR0, 8, RegisterClass::Control},
      {ZYDIS_REGISTER_DR0, 8, RegisterClass::Debug},
  };
  for (const Range& r : kRanges) {
    if (reg >= r.first && reg < r.first + r.count) {
      return RegisterName{r.reg_class, static_cast<uint8_t>(reg - r.first)};
    }
  }
  return std::nullopt;
}

}  // namespace chrysalis::x86::gen
