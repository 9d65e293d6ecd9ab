#include "tests/x86-frontend/sequence.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "translator/ir/text.h"
#include "translator/ir/verify.h"
#include "x86-frontend/decoded.h"
#include "x86-frontend/lift.h"
#include "x86-frontend/undefined_flags.h"

namespace chrysalis::test {

using ir::GuestReg;
using oracle::Emitted;
using x86::DecodedInst;
using x86::DecodeStatus;
using x86::Mnemonic;

namespace {

constexpr uint32_t kArithmetic = 0x8d5, kTrapFlag = 0x100, kAlignmentCheck = 0x40000;
constexpr uint32_t kComparedSystemFlags = 0x207702;  // TF IF DF IOPL NT ID; RF and AC are not modelled
constexpr unsigned kMaxGenerated = 10, kMaxExecuted = 400, kMaxRestarts = 4;

unsigned shift_count(const DecodedInst& d, const Machine& m) {
  const unsigned last = d.operand_count ? d.operand_count - 1u : 0;
  const x86::Operand& o = d.operands[last];
  const uint64_t value = o.kind == x86::OperandKind::Immediate ? static_cast<uint64_t>(o.imm) : m[GuestReg::Ecx];
  return value & 31;
}

/// The kernel emulates these under UMIP, and its faults are not the processor's.
bool emulated_under_umip(Mnemonic m) {
  switch (m) {
    case Mnemonic::Sgdt: case Mnemonic::Sidt: case Mnemonic::Sldt: case Mnemonic::Str: case Mnemonic::Smsw: return true;
    default: return false;
  }
}

bool not_deterministic(Mnemonic m) {
  switch (m) {
    case Mnemonic::Cpuid: case Mnemonic::Rdtsc: case Mnemonic::Sysenter: case Mnemonic::Sysexit: case Mnemonic::Rsm: return true;
    default: return false;
  }
}

/// Floating point: its state is not part of a case.
bool is_x87(const DecodedInst& d) {
  return d.opcode_map == 0 && ((d.opcode >= 0xd8 && d.opcode <= 0xdf) || d.opcode == 0x9b);
}

/// LOOPE and LOOPNE under a repeat prefix, which AMD's processors let choose the condition.
bool undocumented_loop(const DecodedInst& d, const uint8_t* bytes) {
  if (d.mnemonic != Mnemonic::Loope && d.mnemonic != Mnemonic::Loopne) return false;
  for (unsigned i = 0; i < d.length; ++i) {
    if (bytes[i] == 0xf2 || bytes[i] == 0xf3) return true;
  }
  return false;
}

/// Encodings whose meaning differs by vendor: PREFETCHW of a register is #UD on AMD, a NOP on Intel.
bool depends_on_vendor(const DecodedInst& d) {
  return d.opcode_map == 1 && d.opcode == 0x0d && d.has_modrm && d.modrm_mod() == 3;
}

/// LOCK VERW, which some of AMD's microcode executes, against both manuals.
bool is_locked_verw(int form, uint8_t variant) {
  return form >= 0 && (variant & oracle::kWithLock) && oracle::kForms[form].opcode == 0x0f00 && oracle::kForms[form].digit == 5;
}

/// Whether several faults may compete, and the manuals do not say which wins: CMPS's two operands; what a far return
/// finds on the stack.
bool faults_compete(Mnemonic m) {
  switch (m) {
    case Mnemonic::Cmpsb: case Mnemonic::Cmpsw: case Mnemonic::Cmpsd:
    case Mnemonic::Ret: case Mnemonic::Iret: case Mnemonic::Iretd: return true;
    default: return false;
  }
}

bool loads_stack_segment(const DecodedInst& d) {
  return d.mnemonic == Mnemonic::Lss ||
         (d.operands[0].kind == x86::OperandKind::Register && d.operands[0].reg_class == x86::RegisterClass::Segment &&
          d.operands[0].reg == static_cast<uint8_t>(x86::SegmentRegister::Ss) && d.mnemonic != Mnemonic::Push);
}

}  // namespace

Sequencer::Step Sequencer::cut(Cut why) {
  ++cuts_[static_cast<unsigned>(why)];
  return why == Cut::Endless ? Step::GiveUp : Step::CutHere;
}

Sequencer::Step Sequencer::finish(Sequence& s, uint8_t vector, uint32_t error, uint32_t address, uint32_t eip) {
  s.expected.state = model_.store(machine_, eip);
  s.expected.trap = vector;
  s.expected.error = error;
  s.expected.address = vector == 14 ? address : 0;
  model_.hash(s.expected.memory_hash);
  s.flags_compared = (kArithmetic & ~undefined_) | kComparedSystemFlags;
  return model_.incomparable() || model_.touches_server(static_cast<uint32_t>(machine_[GuestReg::Esp])) ? cut(Cut::Incomparable)
                                                                                             : Step::Finished;
}

/// Whether anything but flags depends on an undefined flag; the flags that do depend on one go to `spread`.
bool Sequencer::reads_undefined_flags(const ir::Code& code, uint32_t& spread) {
  spread = 0;
  if (undefined_ == 0) return false;
  StoreLog log;
  Machine base = machine_;
  const EvalResult base_result = evaluate(code, base, model_, log);
  const std::vector<StoreLog::Entry> base_stores = log.entries();
  log.undo();
  // Every combination of the undefined flags.
  for (uint32_t flip = undefined_; flip != 0; flip = (flip - 1) & undefined_) {
    Machine flipped = machine_;
    flipped[GuestReg::Flags] ^= flip;
    const EvalResult result = evaluate(code, flipped, model_, log);
    const bool same_stores = log.entries() == base_stores;
    log.undo();
    spread |= static_cast<uint32_t>(base[GuestReg::Flags] ^ flipped[GuestReg::Flags]);
    flipped[GuestReg::Flags] = base[GuestReg::Flags];
    const bool same = result.kind == base_result.kind && result.target == base_result.target &&
                      result.fault.vector == base_result.fault.vector && same_stores &&
                      std::memcmp(flipped.reg, base.reg, sizeof base.reg) == 0;
    if (!same) return true;
  }
  return false;
}

void Sequencer::verify_lifted(const DecodedInst& inst, x86::LiftStatus status) {
  ir::Code whole = code_;
  if (status == x86::LiftStatus::Continues) whole.insts.push_back({.op = ir::Op::Exit});
  for (const ir::Violation& v : ir::verify(whole)) {
    violations_ += std::string(x86::mnemonic_name(inst.mnemonic)) + ": " + v.rule + "\n" + ir::text(whole);
  }
}

/// The kernel's emulation forgets the single-step trap and the bases of segments.
bool Sequencer::kernel_emulates_exactly() const {
  const x86::LiftOptions options = model_.lift_options(machine_);
  return !(machine_[GuestReg::SysFlags] & kTrapFlag) && (options.flat_segments & 0xf) == 0xf && options.unreadable_segments == 0;
}

Sequencer::Step Sequencer::execute(Sequence& s, const DecodedInst& inst, const uint8_t* bytes) {
  const unsigned count = shift_count(inst, machine_);
  if (x86::undefined_result(inst, count)) return cut(Cut::UndefinedResult);
  if (not_deterministic(inst.mnemonic) || is_x87(inst) || undocumented_loop(inst, bytes) || depends_on_vendor(inst)) {
    return cut(Cut::Unsupported);
  }
  const bool stepping = machine_[GuestReg::SysFlags] & kTrapFlag;
  if (machine_[GuestReg::SysFlags] & kAlignmentCheck) return cut(Cut::Incomparable);  // is not modelled
  if (emulated_under_umip(inst.mnemonic) && !kernel_emulates_exactly()) return cut(Cut::Unsupported);
  if (stepping && loads_stack_segment(inst)) return cut(Cut::Incomparable);  // inhibits the trap

  code_.clear();
  const uint32_t next = eip_ + inst.length;
  const x86::LiftStatus status = x86::lift(inst, eip_, model_.lift_options(machine_), code_);
  verify_lifted(inst, status);
  if (status == x86::LiftStatus::Unsupported) return cut(Cut::Unsupported);
  uint32_t spread;
  if (reads_undefined_flags(code_, spread)) return cut(Cut::UndefinedFlags);

  const Machine before = machine_;
  const EvalResult r = evaluate(code_, machine_, model_, log_);
  if (model_.incomparable()) return cut(Cut::Incomparable);
  switch (r.kind) {
    case EvalResult::Faulted:
      if (emulated_under_umip(inst.mnemonic)) return cut(Cut::Unsupported);
      s.fault_compared = !faults_compete(inst.mnemonic);
      s.memory_compared = !r.stored_before_fault;
      if (inst.mnemonic == Mnemonic::Popa || inst.mnemonic == Mnemonic::Popad) s.gprs_compared = 1u << 4;
      return finish(s, r.fault.vector, r.fault.error, r.fault.address, eip_);
    case EvalResult::Interrupted: {
      const uint8_t vector = r.fault.vector;
      if (vector == 0x80) return cut(Cut::Unsupported);
      // INT1's #DB is a trap on a processor; under a hypervisor that intercepts it, EIP may not have moved.
      if (r.fault.error == 1) return cut(Cut::Incomparable);
      if (vector == 3 || vector == 4) {
        return finish(s, vector, 0, 0, static_cast<uint32_t>(machine_[GuestReg::Eip]));
      }
      machine_ = before;
      return finish(s, 13, vector * 8u + 2, 0, eip_);
    }
    case EvalResult::Exited: {
      // A repeated string instruction that overwrites itself goes on as it was until the processor takes notice.
      uint8_t bytes_now[15];
      Fault ignored;
      if (r.target == eip_ && (model_.fetch(eip_, bytes_now, ignored) < inst.length || std::memcmp(bytes, bytes_now, inst.length) != 0)) {
        return cut(Cut::Incomparable);
      }
      eip_ = r.target;
      break;
    }
    case EvalResult::FellThrough: eip_ = next; break;
  }
  const bool stopped_early = r.kind == EvalResult::Exited && machine_[GuestReg::Flags] == before[GuestReg::Flags];
  undefined_ = spread | (stopped_early ? 0 : x86::undefined_flags(inst, count));
  if (stepping) return finish(s, 1, 0, 0, eip_);
  return Step::Continue;
}

/// Whether the bytes at EIP are still those of the plan.
bool Sequencer::is_unchanged(const Sequence& s) const {
  const uint32_t offset = eip_ - s.plan.code_at;
  if (offset >= s.plan.code_size) return false;
  const uint32_t size = std::min<uint32_t>(15, s.plan.code_size - offset);
  uint8_t bytes[15];
  Fault ignored;
  return model_.fetch(eip_, bytes, ignored) >= size && std::memcmp(bytes, s.plan.code + offset, size) == 0;
}

/// Runs one instruction. `known_form`: it came from the generator's table, so every processor knows it.
Sequencer::Step Sequencer::step(Sequence& s, bool known_form) {
  uint8_t bytes[15];
  Fault fetch_fault;
  const unsigned available = model_.fetch(eip_, bytes, fetch_fault);
  DecodedInst inst;
  const DecodeStatus status =
      available == 0 ? DecodeStatus::NeedMoreBytes : x86::decode({bytes, available}, inst);
  switch (status) {
    case DecodeStatus::Ok: return execute(s, inst, bytes);
    case DecodeStatus::NeedMoreBytes:
      if (available == 15) return finish(s, 13, 0, 0, eip_);
      if (model_.touches_server(fetch_fault.address)) return cut(Cut::Incomparable);
      return finish(s, 14, fetch_fault.error, fetch_fault.address, eip_);
    case DecodeStatus::TooLong: return finish(s, 13, 0, 0, eip_);
    case DecodeStatus::Undefined: break;
  }
  // Later processors gave meanings to what was undefined, but not to the forms that the table holds.
  if (is_locked_verw(s.steps.back().form, s.steps.back().variant)) return cut(Cut::Unsupported);
  return known_form && is_unchanged(s) ? finish(s, 6, 0, 0, eip_) : cut(Cut::Unsupported);
}

bool Sequencer::generate(Sequence& s, oracle::Generator& generator) {
  const Emitted e = generator.next(model_.store(machine_, eip_));
  const uint32_t offset = eip_ - s.plan.code_at;
  if (offset + e.size > s.plan.code_size) return false;
  for (unsigned i = 0; i < e.size; ++i) {
    if (written_[offset + i]) return false;
  }
  for (unsigned i = 0; i < e.size; ++i) {
    written_[offset + i] = 1;
    s.plan.code[offset + i] = e.bytes[i];
    model_.code()[eip_ - oracle::kCode + i] = e.bytes[i];
  }
  s.steps.back().form = e.form;
  s.steps.back().variant = e.variant;
  return true;
}

bool Sequencer::run(Sequence& s, oracle::Generator* generator) {
  for (unsigned restart = 0; restart <= kMaxRestarts; ++restart) {
    const std::vector<Sequence::Step> earlier = s.steps;
    model_.reset(s.plan.image);
    std::memcpy(model_.code() + (s.plan.code_at - oracle::kCode), s.plan.code, s.plan.code_size);
    machine_ = model_.load(s.plan.in);
    eip_ = s.plan.in.eip;
    undefined_ = 0;
    s.memory_compared = true;
    s.gprs_compared = 0xff;
    s.fault_compared = true;
    s.steps.clear();
    unsigned generated = 0;
    bool saw_unwritten = false, stale = false;  // code bytes were used before they were written
    Step outcome = Step::Continue;
    for (unsigned executed = 0; outcome == Step::Continue; ++executed) {
      if (executed == kMaxExecuted) return cut(Cut::Endless), false;
      s.steps.push_back({eip_, -1, 0});
      const uint32_t offset = eip_ - s.plan.code_at;
      const bool fresh = generator && generated < kMaxGenerated && offset < s.plan.code_size && !written_[offset];
      if (fresh && generate(s, *generator)) {
        ++generated;
        stale |= saw_unwritten;
      } else {
        saw_unwritten = true;
        for (const Sequence::Step& e : earlier) {
          if (e.eip == eip_) s.steps.back() = e;
        }
        for (const Sequence::Step& e : s.steps) {
          if (e.eip == eip_) s.steps.back() = e;
        }
      }
      outcome = step(s, s.steps.back().form >= 0);
      saw_unwritten |= model_.code_was_read();
    }
    if (outcome == Step::Finished) {
      if (!stale) return true;
      generator = nullptr;
      continue;
    }
    const uint32_t offset = eip_ - s.plan.code_at;
    if (outcome == Step::GiveUp || offset >= s.plan.code_size) return cut(Cut::Undecided), false;
    s.plan.code[offset] = 0xcc;
    generator = nullptr;
  }
  return cut(Cut::Undecided), false;
}

/// Chooses memory contents and where the code lies.
void Sequencer::place(Sequence& s, oracle::Random& random) {
  s.plan.image = random.below(oracle::kImages);
  s.plan.code_size = oracle::kMaxCode;
  const uint32_t end = oracle::kCode + oracle::kCodePages * oracle::kPage;
  uint32_t at = oracle::kCode + 0x100;
  switch (random.below(16)) {
    case 0: {  // runs into the unmapped page behind
      s.plan.code_size = 1 + random.below(48);
      at = end - s.plan.code_size;
      break;
    }
    case 1: at = oracle::kCode + oracle::kPage - random.below(40); break;  // crosses pages
    default: break;
  }
  s.plan.code_at = s.plan.in.eip = at;
}

bool Sequencer::make(uint64_t seed, Sequence& s) {
  oracle::Generator generator(seed, shared_, umip_);
  oracle::Random& random = generator.random();
  s = Sequence{};
  s.plan.in = generator.initial_state();
  place(s, random);
  std::memset(s.plan.code, 0xcc, sizeof s.plan.code);
  written_.assign(s.plan.code_size, 0);
  return run(s, &generator);
}

bool Sequencer::make_from_bytes(uint64_t seed, Sequence& s) {
  oracle::Generator generator(seed, shared_, umip_);
  s = Sequence{};
  s.plan.in = generator.initial_state();
  place(s, generator.random());
  for (uint8_t& byte : s.plan.code) byte = static_cast<uint8_t>(generator.random().word());
  return run(s, nullptr);
}

bool Sequencer::replay(Sequence& s) { return run(s, nullptr); }

Sequence Sequencer::minimise(const Sequence& sequence, oracle::Oracle& oracle) {
  Sequence best = sequence;
  auto differs = [&](Sequence& s) {
    if (!replay(s)) return false;
    oracle.batch()[0] = s.plan;
    oracle.run(0, 1);
    return !difference(s, oracle.batch()[0].out).empty();
  };
  for (std::size_t n = 1; n < sequence.steps.size(); ++n) {
    const uint32_t offset = sequence.steps[n].eip - sequence.plan.code_at;
    if (offset >= sequence.plan.code_size) continue;
    Sequence shorter = sequence;
    shorter.plan.code[offset] = 0xcc;
    if (!differs(shorter)) continue;
    best = shorter;
    break;
  }
  for (const Sequence::Step& step : std::vector<Sequence::Step>(best.steps)) {
    const uint32_t offset = step.eip - best.plan.code_at;
    DecodedInst inst;
    if (offset >= best.plan.code_size ||
        x86::decode({best.plan.code + offset, best.plan.code_size - offset}, inst) != DecodeStatus::Ok) {
      continue;
    }
    Sequence emptier = best;
    std::memset(emptier.plan.code + offset, 0x90, inst.length);
    if (differs(emptier)) best = emptier;
  }
  differs(best);
  return best;
}

std::string Sequencer::memory_difference() const {
  std::string out;
  char line[80];
  unsigned shown = 0;
  auto compare = [&](uint32_t address, const uint8_t* expected, const uint8_t* actual) {
    for (unsigned i = 0; i < oracle::kPage; ++i) {
      if (expected[i] == actual[i] || ++shown > 16) continue;
      std::snprintf(line, sizeof line, "  [%08x] expected %02x, processor %02x\n", address + i, expected[i], actual[i]);
      out += line;
    }
  };
  for (unsigned p = 0; p < oracle::kPages; ++p) compare(oracle::kPageMap[p].address, model_.page(p), shared_.page[p]);
  for (unsigned p = 0; shared_.writable_code && p < oracle::kCodePages; ++p) {
    compare(oracle::kCode + p * oracle::kPage, model_.code() + p * oracle::kPage, shared_.code[p]);
  }
  return out;
}

std::string difference(const Sequence& s, const oracle::Outcome& a) {
  std::string out;
  char line[160];
  auto compare = [&](const char* what, uint32_t expected, uint32_t actual) {
    if (expected == actual) return;
    std::snprintf(line, sizeof line, "  %-8s expected %08x, processor %08x\n", what, expected, actual);
    out += line;
  };
  static const char* const kGpr[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
  static const char* const kSegment[] = {"es", "cs", "ss", "ds", "fs", "gs"};
  const oracle::Outcome& e = s.expected;
  if (a.signal < 0) return a.signal == oracle::kTimedOut ? "  the processor did not come back\n" : "  the server died\n";
  if (s.fault_compared) {
    compare("trap", e.trap, a.trap);
    if (e.trap == 14 || e.trap == 13) compare("error", e.error, a.error);
    if (e.trap == 14) compare("cr2", e.address, a.address);
  } else {
    compare("faults", 1, a.trap >= 12 && a.trap <= 14);
  }
  compare("eip", e.state.eip, a.state.eip);
  compare("eflags", e.state.eflags & s.flags_compared, a.state.eflags & s.flags_compared);
  for (unsigned i = 0; i < 8; ++i) {
    if (s.gprs_compared >> i & 1) compare(kGpr[i], e.state.gpr[i], a.state.gpr[i]);
  }
  // The kernel's return to user mode clears the RPL of null selectors.
  auto selector = [](uint16_t s) { return s < 4 ? 0u : s; };
  for (unsigned i = 0; i < 6; ++i) compare(kSegment[i], selector(e.state.selector[i]), selector(a.state.selector[i]));
  if (s.memory_compared && std::memcmp(e.memory_hash, a.memory_hash, sizeof e.memory_hash) != 0) out += "  memory differs\n";
  return out;
}

std::string describe(const Sequence& s, const oracle::Outcome& actual) {
  std::string out;
  char text[200];
  auto state = [&](const char* what, const oracle::State& t) {
    std::snprintf(text, sizeof text,
                  "  %s eax %08x ecx %08x edx %08x ebx %08x esp %08x ebp %08x esi %08x edi %08x eip %08x eflags %06x\n"
                  "     es %04x cs %04x ss %04x ds %04x fs %04x gs %04x\n",
                  what, t.gpr[0], t.gpr[1], t.gpr[2], t.gpr[3], t.gpr[4], t.gpr[5], t.gpr[6], t.gpr[7], t.eip, t.eflags,
                  t.selector[0], t.selector[1], t.selector[2], t.selector[3], t.selector[4], t.selector[5]);
    out += text;
  };
  state("in", s.plan.in);
  std::snprintf(text, sizeof text, "  image %u, instructions executed: %zu\n", s.plan.image, s.steps.size());
  out += text;
  const unsigned shown = s.steps.size() > 24 ? static_cast<unsigned>(s.steps.size()) - 24 : 0;
  for (std::size_t n = shown; n < s.steps.size(); ++n) {
    const Sequence::Step& step = s.steps[n];
    std::snprintf(text, sizeof text, "  %08x:", step.eip);
    out += text;
    const uint32_t offset = step.eip - s.plan.code_at;
    DecodedInst inst;
    unsigned length = 0;
    if (offset < s.plan.code_size &&
        x86::decode({s.plan.code + offset, s.plan.code_size - offset}, inst) == DecodeStatus::Ok) {
      length = inst.length;
    }
    for (unsigned i = 0; i < (length ? length : 8); ++i) {
      if (offset + i >= s.plan.code_size) break;
      std::snprintf(text, sizeof text, " %02x", s.plan.code[offset + i]);
      out += text;
    }
    out += step.form >= 0 ? std::string("   ; ") + oracle::kForms[step.form].text + "\n" : "\n";
  }
  state("expected ", s.expected.state);
  state("processor", actual.state);
  std::snprintf(text, sizeof text, "  expected trap %u error %x cr2 %08x; processor trap %u error %x cr2 %08x signal %d\n", s.expected.trap,
                s.expected.error, s.expected.address, actual.trap, actual.error, actual.address, actual.signal);
  return out + text;
}

}  // namespace chrysalis::test
