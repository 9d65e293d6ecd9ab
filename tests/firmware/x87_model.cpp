#include "tests/firmware/x87_model.h"

#include <cstdio>
#include <cstring>

#include "firmware/x87.h"
#include "tests/firmware/x87_exchange.h"
#include "tests/isa-host/fp_operands.h"
#include "translator/ir/verify.h"
#include "x86-frontend/decoded.h"

namespace chrysalis::test {

namespace {

using isa::fp::F32;
using isa::fp::F64;
using isa::fp::F80;
using isa::fp::test::Random;
using oracle::kData;
using oracle::kPage;
using oracle::X87State;
using x86::DecodedInst;
using x86::Mnemonic;

constexpr unsigned kMaxInstructions = 14, kImageBytes = 128;
constexpr uint32_t kOperandPages[] = {kData, kData + kPage}, kStatePage = kData + 4 * kPage;
constexpr uint32_t kReadOnlyPage = kData + 2 * kPage, kHole = kData + 3 * kPage;

enum Slot : unsigned { kSlotF32, kSlotF64, kSlotF80, kSlotI16, kSlotI32, kSlotI64, kSlotBcd, kSlotControl, kSlots };
constexpr unsigned kSlotBytes = 16;

bool chance(Random& rng, unsigned one_in) { return rng() % one_in == 0; }

F80 small_integer(Random& rng) {
  static constexpr F80 kSome[] = {{0, 0}, {0, 0x8000}, {0x8000'0000'0000'0000, 0x3fff}, {0x8000'0000'0000'0000, 0xbfff},
                                  {0xa000'0000'0000'0000, 0x4002}, {0xc000'0000'0000'0000, 0x4000}, {0x8000'0000'0000'0000, 0x3ffe},
                                  {0xc000'0000'0000'0000, 0xffff}, {0x8000'0000'0000'0000, 0x7fff}};
  return kSome[rng() % (sizeof kSome / sizeof kSome[0])];
}

F80 random_value(Random& rng) { return chance(rng, 3) ? small_integer(rng) : isa::fp::test::random_f80(rng); }

uint16_t random_control(Random& rng) {
  uint16_t word = 0x37f;
  if (chance(rng, 3)) return word;
  word = static_cast<uint16_t>((rng() & 0xf00) | 0x7f);
  if (chance(rng, 2)) word = static_cast<uint16_t>(word & ~(rng() & 0x3f));
  if (chance(rng, 3)) word = static_cast<uint16_t>((word & ~0x3f) | (rng() & rng() & 0x3f));
  if (chance(rng, 16)) word = static_cast<uint16_t>(rng());
  return word;
}

void put(uint8_t (&to)[10], F80 value) {
  std::memcpy(to, &value.significand, 8);
  std::memcpy(to + 8, &value.sign_exponent, 2);
}

X87State random_state(Random& rng) {
  X87State s{};
  const uint16_t control = random_control(rng);
  const unsigned top = rng() & 7;
  uint16_t status = static_cast<uint16_t>((rng() & 0x4700) | top << 11);
  if (chance(rng, 4)) status |= rng() & 0x7f & (control | 0x40);
  if (chance(rng, 24)) status |= rng() & 0x7f;
  uint16_t tags = 0xffff;
  const unsigned valid = static_cast<unsigned>(rng() % 9);
  for (unsigned i = 0; i < valid; ++i) tags = static_cast<uint16_t>(tags & ~(3u << 2 * ((top + i) & 7)));
  if (chance(rng, 6)) tags = static_cast<uint16_t>(rng());
  s.environment[0] = 0xffff0000 | control;
  s.environment[1] = 0xffff0000 | status;
  s.environment[2] = 0xffff0000 | tags;
  s.environment[3] = static_cast<uint32_t>(rng());
  s.environment[4] = static_cast<uint32_t>(rng() & 0x7ff) << 16 | 0x23;
  s.environment[5] = static_cast<uint32_t>(rng());
  s.environment[6] = 0xffff002b;
  for (auto& st : s.st) put(st, random_value(rng));
  return s;
}

void fill_slot(uint8_t* at, Slot slot, Random& rng) {
  const auto narrow = [&](auto near) {
    const auto value = isa::fp::test::random_operand(rng, near);
    std::memcpy(at, &value.bits, sizeof value.bits);
  };
  uint64_t bits = rng();
  switch (slot) {
    case kSlotF32: return narrow(F32{0x3f800000});
    case kSlotF64: return narrow(F64{0x3ff0'0000'0000'0000});
    case kSlotF80: {
      const F80 value = random_value(rng);
      std::memcpy(at, &value.significand, 8);
      std::memcpy(at + 8, &value.sign_exponent, 2);
      return;
    }
    case kSlotI16: case kSlotI32: case kSlotI64:
      if (chance(rng, 3)) bits = static_cast<uint64_t>(static_cast<int64_t>(bits) >> 60);
      std::memcpy(at, &bits, 8);
      return;
    case kSlotBcd: {
      for (unsigned digit = 0; digit < 9; ++digit) at[digit] = static_cast<uint8_t>(rng() % 10 * 16 + rng() % 10);
      at[9] = chance(rng, 2) ? 0x80 : 0;
      if (chance(rng, 8)) std::memcpy(at, &bits, 8);
      return;
    }
    default: {
      const uint16_t word = random_control(rng);
      std::memcpy(at, &word, 2);
      return;
    }
  }
}

/// One group per opcode, ModRM register field and form; in the register forms of D9 each code is one.
struct Form {
  uint8_t opcode, modrm;
  bool memory;
  Mnemonic mnemonic;
  unsigned width;      ///< of a memory operand, bits
};

bool decoded(uint8_t opcode, uint8_t modrm, DecodedInst& d) {
  const uint8_t bytes[15] = {opcode, modrm};
  return x86::decode({bytes, 15}, d) == x86::DecodeStatus::Ok;
}

bool transcendental(Mnemonic m) {
  switch (m) {
    case Mnemonic::F2xm1: case Mnemonic::Fyl2x: case Mnemonic::Fyl2xp1: case Mnemonic::Fptan: case Mnemonic::Fpatan:
    case Mnemonic::Fsin: case Mnemonic::Fcos: case Mnemonic::Fsincos: return true;
    default: return false;
  }
}

std::vector<Form> all_forms() {
  std::vector<Form> forms;
  for (unsigned opcode = 0xd8; opcode <= 0xdf; ++opcode) {
    for (unsigned reg = 0; reg < 8; ++reg) {
      DecodedInst d;
      const auto op = static_cast<uint8_t>(opcode);
      if (const auto modrm = static_cast<uint8_t>(reg << 3 | 5); decoded(op, modrm, d)) {
        forms.push_back({op, modrm, true, d.mnemonic, d.operands[0].width});
      }
      for (unsigned rm = 0; rm < 8; ++rm) {
        const auto modrm = static_cast<uint8_t>(0xc0 | reg << 3 | rm);
        if (!decoded(op, modrm, d) || transcendental(d.mnemonic)) continue;
        const bool by_index = d.operand_count != 0 && d.operands[0].reg_class == x86::RegisterClass::St;
        if (by_index && rm != 0) continue;
        forms.push_back({op, modrm, false, d.mnemonic, 0});
      }
    }
  }
  return forms;
}

/// What ends or resets much of the state comes up less often.
bool disruptive(Mnemonic m) {
  switch (m) {
    case Mnemonic::Fninit: case Mnemonic::Fnsave: case Mnemonic::Frstor: case Mnemonic::Fldenv: case Mnemonic::Ffree:
    case Mnemonic::Ffreep: case Mnemonic::Fldcw: case Mnemonic::Fnclex: return true;
    default: return false;
  }
}

uint32_t operand_address(const Form& form, Random& rng) {
  if (form.width > 100 && chance(rng, 8)) {  // across the edges of pages
    static constexpr uint32_t kEdges[] = {kReadOnlyPage, kHole, kStatePage};
    return kEdges[rng() % 3] - static_cast<uint32_t>(rng() % 112);
  }
  if (chance(rng, 60)) return (chance(rng, 2) ? kReadOnlyPage : kHole) + static_cast<uint32_t>(rng() % kPage);
  if (chance(rng, 60)) return kReadOnlyPage - 1 - static_cast<uint32_t>(rng() % 112);
  if (chance(rng, 100)) return kData + 4 * kPage - 1 - static_cast<uint32_t>(rng() % 112);
  if (form.width > 100) return kStatePage + static_cast<uint32_t>(rng() % 30) * kImageBytes;
  Slot slot = static_cast<Slot>(rng() % kSlots);
  if (!chance(rng, 8)) {
    const bool integer = form.mnemonic == Mnemonic::Fild || (form.opcode & 3) == 2;
    switch (form.width) {
      case 16: slot = form.mnemonic == Mnemonic::Fldcw ? kSlotControl : kSlotI16; break;
      case 32: slot = integer ? kSlotI32 : kSlotF32; break;
      case 64: slot = integer || form.opcode == 0xdf ? kSlotI64 : kSlotF64; break;
      default: slot = form.mnemonic == Mnemonic::Fbld ? kSlotBcd : kSlotF80; break;
    }
  }
  const uint32_t number = static_cast<uint32_t>(rng() % (kPage / kSlotBytes / kSlots)) * kSlots + slot;
  return kOperandPages[rng() % 2] + number * kSlotBytes + (chance(rng, 30) ? static_cast<uint32_t>(rng() % 16) : 0);
}

void emit32(oracle::Case& plan, uint32_t value) {
  std::memcpy(plan.code + plan.code_size, &value, 4);
  plan.code_size += 4;
}

void emit(oracle::Case& plan, const Form& form, Random& rng) {
  const auto byte = [&](unsigned value) { plan.code[plan.code_size++] = static_cast<uint8_t>(value); };
  if (chance(rng, 20)) byte(0x9b);
  if (chance(rng, form.width > 100 ? 3 : 40)) byte(0x66);
  if (!form.memory) {
    byte(form.opcode);
    // Mostly near the top of the stack.
    const bool by_index = (form.modrm & 7) == 0 && form.opcode != 0xd9;
    DecodedInst d;
    unsigned index = static_cast<unsigned>(chance(rng, 3) ? rng() & 7 : rng() % 3);
    if (!by_index && !(form.opcode == 0xd9 && form.modrm < 0xd0)) index = 0;
    if (!decoded(form.opcode, static_cast<uint8_t>(form.modrm + index), d) || d.mnemonic != form.mnemonic) index = 0;
    byte(form.modrm + index);
    return;
  }
  const uint32_t address = operand_address(form, rng);
  if (chance(rng, 24)) byte(chance(rng, 2) ? 0x36 : 0x26);
  byte(form.opcode);
  const unsigned reg = form.modrm & 0x38;
  switch (rng() % 3) {
    case 0: byte(reg | 5); emit32(plan, address); break;
    case 1: byte(0x80 | reg | 3); emit32(plan, address - plan.in.gpr[3]); break;
    default: byte(0x80 | reg | 4); byte(0x8e); emit32(plan, address - plan.in.gpr[6] - 4 * plan.in.gpr[1]); break;  // [esi+ecx*4+disp]
  }
}

}  // namespace

void fill_x87_images(oracle::Oracle& oracle) {
  Random rng(0x87);
  for (unsigned i = 0; i < oracle::kImages; ++i) {
    auto& image = oracle.image(i);
    for (unsigned page = 0; page < 2; ++page) {
      for (unsigned at = 0; at < kPage; at += kSlotBytes) fill_slot(image[page] + at, static_cast<Slot>(at / kSlotBytes % kSlots), rng);
    }
    for (unsigned at = 0; at < kPage; at += kImageBytes) {
      const X87State state = random_state(rng);
      std::memcpy(image[3] + at, &state, sizeof state);
    }
  }
}

// -- the model -----------------------------------------------------------------------------------------------

void X87Model::load(const X87State& state) {
  context = fw::GuestContext{};
  load_x87(state, context);
}

Environment::HelperResult X87Model::helper(uint32_t imm, const uint64_t (&source)[4], Machine& machine, StoreLog& log) {
  if (x86::helper_id(imm) < x86::kFirstX87Helper) return GuestModel::helper(imm, source, machine, log);
  std::memcpy(context.slot, machine.reg, sizeof machine.reg);
  fw::X87Call call{imm, eip, {source[0], source[1], source[2], source[3]}};
  fw::x87_execute(context, call);
  machine[ir::GuestReg::FpuError] = context.slot[static_cast<unsigned>(ir::GuestReg::FpuError)];
  HelperResult result;
  result.value = call.value;
  result.flags = call.flags;
  return result;
}

// -- sequences ---------------------------------------------------------------------------------------------------

void replay_x87_sequence(X87Model& model, X87Sequence& s) {
  const oracle::Case& plan = s.plan;
  model.reset(plan.image);
  std::memcpy(model.code() + (plan.code_at - oracle::kCode), plan.code, plan.code_size);
  model.load(plan.x87);
  Machine machine = model.load(plan.in);
  machine[ir::GuestReg::FpuError] = model.context.slot[static_cast<unsigned>(ir::GuestReg::FpuError)];
  uint32_t eip = plan.in.eip;
  s.opcodes.clear();
  s.expected = {};
  const auto finish = [&](uint8_t vector, uint32_t error, uint32_t address) {
    s.expected.state = model.store(machine, eip);
    s.expected.trap = vector;
    s.expected.error = error;
    s.expected.address = vector == 14 ? address : 0;
    s.expected.x87 = store_x87(model.context);
    model.hash(s.expected.memory_hash);
  };
  ir::Code code;
  for (;;) {
    uint8_t bytes[15];
    Fault fault;
    const unsigned available = model.fetch(eip, bytes, fault);
    DecodedInst inst;
    if (x86::decode({bytes, available}, inst) != x86::DecodeStatus::Ok) return finish(6, 0, 0);
    code.clear();
    const x86::LiftStatus status = x86::lift(inst, eip, model.lift_options(machine), code);
    ir::Code whole = code;
    if (status == x86::LiftStatus::Continues) {
      ir::Inst exit;
      exit.op = ir::Op::Exit;
      exit.imm = eip + inst.length;
      whole.insts.push_back(exit);
    }
    for (const ir::Violation& v : ir::verify(whole)) s.violation = v.rule;
    s.opcodes.push_back(static_cast<uint16_t>(inst.opcode << 8 | inst.modrm));
    model.eip = eip;
    const fw::GuestContext before = model.context;
    StoreLog log;
    const EvalResult r = evaluate(code, machine, model, log);
    switch (r.kind) {
      case EvalResult::Faulted:
        if (std::memcmp(before.st, model.context.st, sizeof before - offsetof(fw::GuestContext, st)) != 0) {
          s.violation = "x87 state changed before a fault";
        }
        return finish(r.fault.vector, r.fault.error, r.fault.address);
      case EvalResult::Interrupted:
        eip = static_cast<uint32_t>(machine[ir::GuestReg::Eip]);
        return finish(r.fault.vector, 0, 0);
      case EvalResult::Exited: eip = r.target; break;
      case EvalResult::FellThrough: eip += inst.length; break;
    }
  }
}

X87Sequence make_x87_sequence(X87Model& model, const oracle::Shared& shared, uint64_t seed) {
  static const std::vector<Form> forms = all_forms();
  Random rng(seed * 0x9e37'79b9'7f4a'7c15 + 0x87);
  X87Sequence s;
  oracle::Case& plan = s.plan;
  for (uint32_t& gpr : plan.in.gpr) gpr = static_cast<uint32_t>(rng());
  plan.in.gpr[4] = oracle::kStack + 0x800;
  plan.in.eflags = static_cast<uint32_t>(0x202 | (rng() & 0x8d5));
  for (uint16_t& selector : plan.in.selector) selector = static_cast<uint16_t>(shared.flat_data);
  plan.in.selector[oracle::kCs] = static_cast<uint16_t>(shared.flat_code);
  plan.in.selector[oracle::kFs] = plan.in.selector[oracle::kGs] = static_cast<uint16_t>(shared.tls_selector[0]);
  plan.code_at = plan.in.eip = oracle::kCode + 0x100;
  plan.image = static_cast<uint32_t>(rng() % oracle::kImages);
  plan.loads_x87 = 1;
  plan.x87 = random_state(rng);
  const unsigned count = 1 + static_cast<unsigned>(rng() % kMaxInstructions);
  for (unsigned i = 0; i < count;) {
    const Form& form = forms[rng() % forms.size()];
    if (disruptive(form.mnemonic) && !chance(rng, 5)) continue;
    emit(plan, form, rng);
    ++i;
  }
  plan.code[plan.code_size++] = 0xcc;
  replay_x87_sequence(model, s);
  return s;
}

std::string x87_difference(const X87Sequence& s, const oracle::Outcome& a) {
  std::string out;
  char line[160];
  const auto compare = [&](const char* what, uint64_t expected, uint64_t actual) {
    if (expected == actual) return;
    std::snprintf(line, sizeof line, "  %-8s expected %llx, processor %llx\n", what, static_cast<unsigned long long>(expected),
                  static_cast<unsigned long long>(actual));
    out += line;
  };
  const oracle::Outcome& e = s.expected;
  if (a.signal < 0) return "  the server died or hung\n";
  if (!s.violation.empty()) out += "  " + s.violation + "\n";
  compare("trap", e.trap, a.trap);
  if (e.trap == 14) compare("error", e.error, a.error), compare("cr2", e.address, a.address);
  compare("eip", e.state.eip, a.state.eip);
  compare("eflags", e.state.eflags & 0x8d5, a.state.eflags & 0x8d5);
  for (unsigned i = 0; i < 8; ++i) compare("gpr", e.state.gpr[i], a.state.gpr[i]);
  compare("control", e.x87.environment[0] & 0xffff, a.x87.environment[0] & 0xffff);
  compare("status", e.x87.environment[1] & 0xffff, a.x87.environment[1] & 0xffff);
  compare("tags", e.x87.environment[2] & 0xffff, a.x87.environment[2] & 0xffff);
  for (unsigned i = 0; i < 8; ++i) {
    if (std::memcmp(e.x87.st[i], a.x87.st[i], 10) == 0) continue;
    out += "  st" + std::to_string(i) + " expected ";
    for (unsigned b = 10; b-- > 0;) std::snprintf(line, sizeof line, "%02x", e.x87.st[i][b]), out += line;
    out += ", processor ";
    for (unsigned b = 10; b-- > 0;) std::snprintf(line, sizeof line, "%02x", a.x87.st[i][b]), out += line;
    out += "\n";
  }
  if (std::memcmp(e.memory_hash, a.memory_hash, sizeof e.memory_hash) != 0) out += "  memory differs\n";
  return out;
}

std::string describe_x87(const X87Sequence& s) {
  char text[64];
  std::string out = "  code:";
  for (unsigned i = 0; i < s.plan.code_size; ++i) std::snprintf(text, sizeof text, " %02x", s.plan.code[i]), out += text;
  out += "\n  executed:";
  for (const uint16_t op : s.opcodes) {
    DecodedInst d;
    const bool ok = op >> 8 != 0x9b && op >> 8 != 0xcc && decoded(static_cast<uint8_t>(op >> 8), static_cast<uint8_t>(op), d);
    std::snprintf(text, sizeof text, " %s(%04x)", ok ? x86::mnemonic_name(d.mnemonic) : "", op);
    out += text;
  }
  out += "\n  in: ";
  const oracle::X87State& x = s.plan.x87;
  std::snprintf(text, sizeof text, "control %04x status %04x tags %04x", x.environment[0] & 0xffff, x.environment[1] & 0xffff, x.environment[2] & 0xffff);
  out += text;
  for (const auto& st : x.st) {
    out += " ";
    for (unsigned b = 10; b-- > 0;) std::snprintf(text, sizeof text, "%02x", st[b]), out += text;
  }
  return out + "\n";
}

}  // namespace chrysalis::test
