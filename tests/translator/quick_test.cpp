// Gear 1: blocks of random x86 sequences, translated and executed, against the reference evaluator of lifted code:
// registers, flags, memory, the exit taken, counters, and that whatever faults leaves the state at the block's entry.
// The schedule checker proves those without counters, and refuses them once something in them is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>

#include "isa-host/assembler.h"
#include "isa-host/functional.h"
#include "isa-host/tlb_entry.h"
#include "tests/translator/legality.h"
#include "tests/translator/machines.h"
#include "tests/x86-frontend/sequence.h"
#include "translator/check/quick_form.h"
#include "translator/ir/text.h"
#include "translator/quick.h"
#include "translator/regalloc.h"

namespace chrysalis::test {
namespace {

using ir::GuestReg;
using translator::QuickCode;
using translator::kQuickTargets;
using translator::QuickExitKind;
using translator::QuickLikely;
using translator::QuickTranslator;
using translator::checking::Rule;

constexpr uint64_t kConcealed = 0x7000'0000, kConcealedSize = 32 << 20;
constexpr uint64_t kContext = kConcealed + 0x1000, kCounters = kConcealed + 0x2000, kTargets = kConcealed + 0x3000, kVector = kConcealed + 0x4000,
                   kHit = kConcealed + 0x4100, kNear = kConcealed + 0x5000, kFar = kConcealed + (20 << 20);
constexpr uint64_t kCodeAt = kConcealed + (8 << 20), kElsewhere = kConcealed + (9 << 20);
constexpr uint64_t kPagesAt = 0x4000;
constexpr uint32_t kFirstExit = 20000, kFirstCounter = 3;
/// What the platform hears in place of an exit id.
constexpr uint32_t kEvent = 1, kFound = 2;

struct Port : isa::PlatformPort {
  isa::PlatformResult service(uint32_t number) override {
    last = number;
    return {true, false, 0};
  }
  uint32_t last = 0;
};

/// How the blocks of one run are made.
struct Variant {
  bool instrument, loop_directly, look_up, far;
};

Variant variant(unsigned n) { return {(n & 1) != 0, (n & 2) != 0, (n & 4) != 0, (n & 8) != 0}; }

const oracle::Shared& shared() {
  static const std::unique_ptr<oracle::Shared> state = [] {
    auto s = std::make_unique<oracle::Shared>();
    std::memset(s.get(), 0, sizeof *s);
    oracle::fill_images(*s);
    s->flat_data = 0x2b;
    s->flat_code = 0x23;
    s->tls_selector[0] = 0x63;
    s->tls_selector[1] = 0x6b;
    return s;
  }();
  return *state;
}

/// What the reference says of a block.
struct Expected {
  bool rolls_back = false;
  uint32_t target = 0;
  uint32_t instructions = 0;   ///< of the last exit
  uint64_t completed = 0;      ///< in all
  unsigned exits = 0;          ///< how many were taken, those to the block's own start included
  bool indirect = false;
  ir::ExitKind kind = ir::ExitKind::Jump;
};

/// A change that breaks a known rule of the checker's. False: there is nothing to change.
struct Spoiler {
  const char* name;
  Rule refused_by[4];
  bool (*change)(translator::CompiledRegion& form);
  bool may_be_harmless = false;
};

/// Changes the first atom that `fits`.
template <class Fits, class Change>
bool change_atom(translator::CompiledRegion& form, Fits fits, Change change) {
  for (uint32_t m = 0; m < form.molecules.size(); ++m) {
    for (uint32_t a = form.molecules[m].first; a < form.molecules[m].first + form.molecules[m].count; ++a) {
      if (!fits(form.atoms[a], isa::info(form.atoms[a].op), m < form.main_molecules)) continue;
      change(form.atoms[a]);
      return true;
    }
  }
  return false;
}

/// The branches of the main path that roll back.
std::vector<uint32_t> traps_of(const translator::CompiledRegion& form) {
  std::vector<uint32_t> out;
  for (const auto& fixup : form.fixups) {
    if (fixup.kind == translator::Target::GuestTrap && fixup.molecule < form.main_molecules) out.push_back(fixup.atom);
  }
  return out;
}

constexpr Spoiler kSpoilers[] = {
    {"a wrong count", {Rule::Commit}, [](translator::CompiledRegion& form) {
       return change_atom(form, [](const isa::Atom&, const isa::AtomInfo& row, bool) { return row.has(isa::kCommit); },
                          [](isa::Atom& atom) { atom.count ^= 1; });
     }},
    {"a wrong guest PC", {Rule::Commit}, [](translator::CompiledRegion& form) {
       return change_atom(form, [](const isa::Atom& atom, const isa::AtomInfo&, bool) { return atom.op == isa::Op::Commit && atom.mode == isa::Mode::Long; },
                          [](isa::Atom& atom) { atom.imm ^= 4; });
     }},
    {"a commit left out", {Rule::Commit}, [](translator::CompiledRegion& form) {
       return change_atom(form, [](const isa::Atom&, const isa::AtomInfo& row, bool) { return row.has(isa::kCommit); }, [](isa::Atom& atom) { atom = {}; });
     }},
    {"a condition inverted", {Rule::Exit}, [](translator::CompiledRegion& form) {
       return change_atom(form, [](const isa::Atom& atom, const isa::AtomInfo&, bool) { return atom.op == isa::Op::BrCc; },
                          [](isa::Atom& atom) { atom.cond = static_cast<isa::Cond>(static_cast<unsigned>(atom.cond) ^ 1); });
     }},
    {"a store left out", {Rule::Once}, [](translator::CompiledRegion& form) {
       return change_atom(form, [](const isa::Atom&, const isa::AtomInfo& row, bool) { return row.has(isa::kStore) && row.has(isa::kGuest); },
                          [](isa::Atom& atom) { atom = {}; });
     }},
    {"a load of another address", {Rule::Operand}, [](translator::CompiledRegion& form) {
       return change_atom(form, [](const isa::Atom& atom, const isa::AtomInfo& row, bool) { return row.has(isa::kLoad) && row.has(isa::kGuest) && atom.ra != isa::kZero; },
                          [](isa::Atom& atom) { atom.ra = isa::kZero; });
     }},
    {"a result in another register", {Rule::Map, Rule::Commit, Rule::Operand, Rule::Exit}, [](translator::CompiledRegion& form) {
       // The last one: what is overwritten may be anything.
       const auto& last = form.molecules[form.main_molecules - 1];
       for (uint32_t a = last.first + last.count; a-- > 0;) {
         if (!isa::info(form.atoms[a].op).uses(isa::kWritesRd) || form.atoms[a].rd >= 8) continue;
         form.atoms[a].rd = 27;
         return true;
       }
       return false;
     }, true},  // a rotation by 32
    {"a register of somebody else's", {Rule::Register}, [](translator::CompiledRegion& form) {
       return change_atom(form, [](const isa::Atom& atom, const isa::AtomInfo& row, bool main) { return main && row.uses(isa::kWritesRd) && atom.rd != isa::kZero; },
                          [](isa::Atom& atom) { atom.rd = static_cast<uint8_t>(isa::firmware_register(8)); });
     }},
    {"the number of another exit", {Rule::Link}, [](translator::CompiledRegion& form) {
       // Of one that can be led elsewhere.
       const auto exit = std::find_if(form.exits.begin(), form.exits.end(), [&](const auto& e) { return e.atom < form.atoms.size(); });
       if (exit == form.exits.end()) return false;
       const auto& stub = form.molecules[exit->link];
       for (uint32_t a = stub.first; a < form.atoms.size(); ++a) {
         if (form.atoms[a].rd != translator::kExitNumber || form.atoms[a].op != isa::Op::Or32) continue;
         ++form.atoms[a].imm;
         return true;
       }
       return false;
     }},
    {"a trap lost", {Rule::Exit}, [](translator::CompiledRegion& form) {
       const std::vector<uint32_t> traps = traps_of(form);
       if (traps.empty()) return false;
       form.atoms[traps.front()] = {};
       return true;
     }},
    {"a trap if there is no reason for it", {Rule::Exit}, [](translator::CompiledRegion& form) {
       const std::vector<uint32_t> traps = traps_of(form);
       if (traps.empty()) return false;
       isa::Atom& atom = form.atoms[traps.back()];
       if (atom.op == isa::Op::BrCc) atom.cond = static_cast<isa::Cond>(static_cast<unsigned>(atom.cond) ^ 1);
       else atom.op = atom.op == isa::Op::BrZ ? isa::Op::BrNz : isa::Op::BrZ;
       return true;
     }},
    {"a trap twice, and another never", {Rule::Exit}, [](translator::CompiledRegion& form) {
       const std::vector<uint32_t> traps = traps_of(form);
       if (traps.size() < 2 || form.atoms[traps[0]].ra == form.atoms[traps[1]].ra) return false;
       form.atoms[traps[1]] = form.atoms[traps[0]];
       return true;
     }},
    {"a cycle early", {Rule::Latency}, [](translator::CompiledRegion& form) {
       for (uint32_t m = 1; m < form.main_molecules; ++m) {
         if (form.molecules[m].cycle == form.molecules[m - 1].cycle + 1) continue;
         --form.molecules[m].cycle;
         return true;
       }
       return false;
     }},
};

class Guest {
 public:
  Guest(const isa::MachineDescription& machine, const Variant& variant)
      : variant_(variant), machine_description_(with_look_up(machine, variant.look_up)),
        memory_(1 << 16, kConcealed, kConcealedSize), executor_(config(), memory_, port_), model_(shared()),
        translator_(machine_description_, {kContext, kCounters, kTargets, variant.instrument, variant.loop_directly}) {
    auto& core = executor_.core();
    place("movi r30," + std::to_string(kEvent) + "\nplatform r30\n", kVector);
    place("movi r30," + std::to_string(kFound) + "\nplatform r30\n", kHit);
    place("platform r30\n", kNear);
    place("platform r30\n", kFar);
    for (unsigned i = 0; i < oracle::kPages + oracle::kCodePages; ++i) {
      const bool code = i >= oracle::kPages;
      isa::TlbEntry entry;
      entry.virtual_page = (code ? oracle::kCode + (i - oracle::kPages) * oracle::kPage : oracle::kPageMap[i].address) >> isa::kPageShift;
      entry.physical_page = (kPagesAt >> isa::kPageShift) + i;
      entry.flags = isa::kTlbUser | isa::kTlbValid;
      if (!code && oracle::kPageMap[i].writable) entry.flags |= isa::kTlbWritable | isa::kTlbDirty;
      core.tlb_write(entry.word0(), entry.word1());
    }
    core.write_special(isa::Special::Vbase, kVector);
    core.write_special(isa::Special::UserMode, 1);
  }

  /// Runs a sequence block by block until it faults, becomes too long, or cannot be translated any further.
  void run(const Sequence& sequence, uint64_t seed) {
    oracle::Random random(seed);
    model_.reset(sequence.plan.image);
    std::memcpy(model_.code() + (sequence.plan.code_at - oracle::kCode), sequence.plan.code, sequence.plan.code_size);
    machine_ = model_.load(sequence.plan.in);
    eip_ = sequence.plan.in.eip;
    for (unsigned block = 0; block < 60 && !testing::Test::HasFailure(); ++block) {
      if (machine_[GuestReg::SysFlags] & 0x100) return;  // single-stepped code is not translated
      if (!make_block(1 + random.below(12))) {
        if (!interpret()) return;
        continue;
      }
      copy_in();
      const Machine before = machine_;
      const Expected expected = evaluate_block();
      translator::QuickPlacement placement{kCodeAt, variant_.far ? kFar : kNear, kFirstExit, kFirstCounter,
                                           static_cast<QuickLikely>(random.below(3))};
      const bool provable = !variant_.instrument && !variant_.loop_directly;
      if (provable) placement.likely = QuickLikely::Unknown;
      const QuickCode& code = translator_.finish(placement);
      check_molecules(code);
      if (provable) prove(code, placement);
      execute(code, before, expected, random);
      if (testing::Test::HasFailure()) {
        report(code, before);
        return;
      }
      instructions += steps_.size();
      words += code.words.size();
      if (expected.rolls_back) {
        ++faults;
        return;
      }
      eip_ = expected.target;
    }
  }

  uint64_t blocks = 0, instructions = 0, words = 0, faults = 0, loops = 0, found = 0, noted = 0, refused = 0, full = 0;
  uint64_t taken[9] = {};  ///< exits, by kind
  uint64_t proved = 0, spoilt[std::size(kSpoilers)] = {};

 private:
  using Step = translator::checking::BlockInstruction;

  static isa::MachineDescription with_look_up(isa::MachineDescription machine, bool look_up) {
    machine.jtb_entries = look_up ? 64 : 0;
    machine.return_stack_entries = look_up ? 8 : 0;
    return machine;
  }

  isa::CoreConfig config() const {
    isa::CoreConfig config;
    config.machine = machine_description_;
    config.concealed_base = kConcealed;
    config.concealed_size = kConcealedSize;
    return config;
  }

  void place(const std::string& text, uint64_t address) {
    const isa::Assembly assembly = isa::assemble(text, address);
    ASSERT_TRUE(assembly.ok()) << assembly.error_text("stub");
    std::memcpy(memory_.ram(address, assembly.bytes.size()), assembly.bytes.data(), assembly.bytes.size());
  }

  /// False if the first instruction cannot be translated.
  bool make_block(unsigned most) {
    translator_.begin(eip_);
    steps_.clear();
    refused_ = false;
    const x86::LiftOptions options = model_.lift_options(machine_);
    uint32_t at = eip_;
    for (unsigned n = 0; n < most; ++n) {
      x86::DecodedInst inst;
      if (!fetch(at, inst)) break;
      const uint32_t next = at + inst.length;
      Step step{{}, at, next};
      x86::lift(inst, at, options, step.lifted);
      x86::lift(inst, at, options, translator_.code());
      const QuickTranslator::Step verdict = translator_.add(next);
      refused_ = verdict == QuickTranslator::Step::Refused;
      refused += refused_;
      full += verdict == QuickTranslator::Step::Full;
      if (verdict != QuickTranslator::Step::Continue && verdict != QuickTranslator::Step::End) break;
      steps_.push_back(std::move(step));
      if (verdict == QuickTranslator::Step::End) break;
      at = next;
    }
    // What is lifted, but not added, is not the block's.
    if (x86::DecodedInst inst; steps_.size() == most && fetch(at, inst)) x86::lift(inst, at, options, translator_.code());
    EXPECT_EQ(translator_.instructions(), steps_.size());
    blocks += !steps_.empty();
    return !steps_.empty();
  }

  bool fetch(uint32_t at, x86::DecodedInst& inst) {
    uint8_t bytes[15];
    Fault ignored;
    const unsigned size = model_.fetch(at, bytes, ignored);
    return x86::decode({bytes, size}, inst) == x86::DecodeStatus::Ok;
  }

  /// One instruction by the reference. False: nothing can follow.
  bool interpret() {
    x86::DecodedInst inst;
    if (!fetch(eip_, inst)) return false;
    ir::Code code;
    x86::lift(inst, eip_, model_.lift_options(machine_), code);
    const EvalResult result = evaluate(code, machine_, model_, log_);
    if (result.kind == EvalResult::Faulted || result.kind == EvalResult::Interrupted) return false;
    eip_ = result.kind == EvalResult::Exited ? result.target : eip_ + inst.length;
    return true;
  }

  uint8_t* page(unsigned i) { return memory_.ram(kPagesAt + i * oracle::kPage, oracle::kPage); }
  const uint8_t* model_page(unsigned i) const {
    return i < oracle::kPages ? model_.page(i) : model_.code() + (i - oracle::kPages) * oracle::kPage;
  }
  void copy_in() {
    for (unsigned i = 0; i < oracle::kPages + oracle::kCodePages; ++i) std::memcpy(page(i), model_page(i), oracle::kPage);
  }

  /// What the block does, instruction by instruction, until it leaves or faults. `machine_` and memory follow.
  Expected evaluate_block() {
    Expected expected;
    constexpr unsigned kMostLoops = 3000;
    for (;;) {
      const Machine committed = machine_;
      std::vector<StoreLog> stores;
      const auto roll_back = [&] {
        for (size_t i = stores.size(); i-- > 0;) stores[i].undo();
        machine_ = committed;
        expected.rolls_back = true;
        expected.target = eip_;
      };
      EvalResult result;
      uint32_t done = 0;
      for (const Step& step : steps_) {
        result = evaluate(step.lifted, machine_, model_, log_);
        if (result.kind == EvalResult::Faulted) {
          roll_back();
          return expected;
        }
        stores.push_back(log_);
        // A block is translated under the system flags that hold.
        if (machine_[GuestReg::SysFlags] != committed[GuestReg::SysFlags]) {
          roll_back();
          return expected;
        }
        if (result.kind == EvalResult::Exited && result.exit == ir::ExitKind::Repeat) break;
        ++done;
        if (result.kind == EvalResult::Exited) break;
      }
      ++expected.exits;
      expected.instructions = done;
      expected.completed += done;
      const ir::Op last = steps_.back().lifted.insts.empty() ? ir::Op::Const : steps_.back().lifted.insts.back().op;
      expected.indirect = result.kind == EvalResult::Exited && last == ir::Op::ExitInd;
      expected.kind = result.exit;
      expected.target = result.kind == EvalResult::Exited ? result.target : steps_.back().next;
      if (expected.target != eip_ || expected.indirect || !variant_.loop_directly || expected.exits == kMostLoops) return expected;
      ++loops;
    }
  }

  void check_molecules(const QuickCode& code) {
    for (size_t at = 0; at < code.words.size();) {
      isa::Molecule molecule;
      const isa::CodecResult result = isa::decode(&code.words[at], static_cast<unsigned>(code.words.size() - at), kCodeAt + 4 * at, molecule);
      ASSERT_TRUE(result.ok()) << isa::message(result.error) << " at word " << at;
      ASSERT_EQ(illegal(machine_description_, molecule.atoms, molecule.count), "") << isa::disassemble(molecule);
      at += molecule.bytes / 4;
    }
    ASSERT_LE(code.main_words, code.words.size());
  }

  /// The checker accepts the block, and refuses it with each change.
  void prove(const QuickCode& code, const translator::QuickPlacement& placement) {
    namespace checking = translator::checking;
    const checking::BlockCheck made = checking::check_block(steps_, kContext, machine_description_, code, placement);
    ASSERT_TRUE(made.findings.empty()) << checking::report(made.findings, made.form) << ir::text(made.region.code) << checking::listing(made.form);
    if (!made.checked) return;
    ++proved;
    if (proved % 4 != 0 && traps_of(made.form).empty()) return;  // traps are rare
    for (size_t i = 0; i < std::size(kSpoilers); ++i) {
      translator::CompiledRegion form = made.form;
      if (!kSpoilers[i].change(form)) continue;
      const auto findings = checking::check(made.region, machine_description_, form, {placement.first_exit, false, kContext});
      if (findings.empty() && kSpoilers[i].may_be_harmless) continue;
      ++spoilt[i];
      const bool refused = std::any_of(findings.begin(), findings.end(), [&](const checking::Finding& finding) {
        return std::find(std::begin(kSpoilers[i].refused_by), std::end(kSpoilers[i].refused_by), finding.rule) != std::end(kSpoilers[i].refused_by);
      });
      ASSERT_TRUE(refused) << kSpoilers[i].name << "\n" << checking::report(findings, form) << ir::text(made.region.code) << checking::listing(form);
    }
  }

  void execute(const QuickCode& code, const Machine& before, const Expected& expected, oracle::Random& random) {
    auto& core = executor_.core();
    uint32_t* const words = reinterpret_cast<uint32_t*>(memory_.ram(kCodeAt, 4 * code.words.size()));
    std::memcpy(words, code.words.data(), 4 * code.words.size());
    executor_.code_written(kCodeAt, 4 * code.words.size());
    for (unsigned r = 0; r < static_cast<unsigned>(GuestReg::kCount); ++r) {
      std::memcpy(memory_.ram(kContext + 8 * r, 8), &before.reg[r], 8);
    }
    uint32_t counters[16];
    for (uint32_t& counter : counters) counter = random.word();
    std::memcpy(memory_.ram(kCounters, sizeof counters), counters, sizeof counters);
    for (unsigned r = 0; r < 63; ++r) core.r[r] = random.next();
    for (unsigned r = 0; r < 8; ++r) core.r[r] = before.reg[r];
    core.r[isa::kGuestFlags] = before[GuestReg::Flags];
    uint32_t targets[16 * kQuickTargets];
    for (uint32_t& target : targets) target = random.word() | 1u << 31;
    std::memcpy(memory_.ram(kTargets, sizeof targets), targets, sizeof targets);
    core.commit(0, true, eip_);
    core.jtb.clear();
    core.returns.clear();
    bool hits = false;
    if (variant_.look_up && expected.indirect && random.one_in(2)) {
      hits = true;
      if (expected.kind == ir::ExitKind::Return && random.one_in(2)) core.returns.push(expected.target, kHit);
      else core.jtb.write(expected.target, kHit);
    }
    core.stopped = false;
    core.pc = kCodeAt;
    const uint64_t completed = core.special_ref(isa::Special::Gcount);
    const uint64_t overflows = executor_.events(isa::Cause::StoreBufferFull);
    ASSERT_EQ(executor_.run(3'000'000), isa::StopReason::Platform) << "pc " << core.pc;
    if (executor_.events(isa::Cause::StoreBufferFull) != overflows) return;  // page-crossing stores take two entries
    ASSERT_EQ(executor_.events(isa::Cause::IllegalMolecule), 0u);
    const uint64_t r8 = core.r[isa::kGuestEip];

    const QuickCode::Exit* exit = port_.last >= kFirstExit ? &code.exits.at(port_.last - kFirstExit) : nullptr;
    const bool rolled_back = exit == nullptr ? port_.last == kEvent : exit->kind == QuickExitKind::Trap;
    ASSERT_EQ(rolled_back, expected.rolls_back);
    core.rollback();  // what was not committed is lost
    if (!rolled_back) {
      ASSERT_EQ(port_.last == kFound, hits);
      check_exit(code, exit, expected);
    }
    if (exit != nullptr) {
      EXPECT_EQ(r8, expected.target);
    }
    EXPECT_EQ(core.special_ref(isa::Special::Gpc), expected.target);
    EXPECT_EQ(core.special_ref(isa::Special::Gcount) - completed, expected.completed);
    for (unsigned r = 0; r < 8; ++r) EXPECT_EQ(core.r[r], machine_.reg[r]) << "r" << r;
    EXPECT_EQ(core.r[isa::kGuestFlags], machine_[GuestReg::Flags]);
    for (unsigned i = 0; i < oracle::kPages + oracle::kCodePages; ++i) {
      EXPECT_EQ(std::memcmp(page(i), model_page(i), oracle::kPage), 0) << "page " << i;
    }
    check_counters(code, counters, exit, expected);
    check_targets(code, counters, targets, exit, expected);
  }

  void check_exit(const QuickCode& code, const QuickCode::Exit* exit, const Expected& expected) {
    found += exit == nullptr;
    if (exit == nullptr) return;
    ++taken[static_cast<unsigned>(exit->kind)];
    EXPECT_EQ(exit->instructions, expected.instructions);
    QuickExitKind kind = QuickExitKind::Direct;
    switch (expected.kind) {
      case ir::ExitKind::Jump: kind = expected.indirect ? QuickExitKind::Indirect : QuickExitKind::Direct; break;
      case ir::ExitKind::Call: kind = expected.indirect ? QuickExitKind::IndirectCall : QuickExitKind::Call; break;
      case ir::ExitKind::Return: kind = QuickExitKind::Return; break;
      case ir::ExitKind::Repeat: kind = expected.target == eip_ ? QuickExitKind::Repeat : QuickExitKind::Direct; break;
    }
    if (refused_ && expected.target == steps_.back().next) kind = QuickExitKind::Interpret;
    EXPECT_EQ(static_cast<int>(exit->kind), static_cast<int>(kind));
    if (!expected.indirect) {
      EXPECT_EQ(exit->target, expected.target);
    }
    if (!variant_.look_up || expected.kind != ir::ExitKind::Call) return;
    // The return stack leads to the stub of the return point.
    const QuickCode::Exit& point = (&code.exits[0])[exit - &code.exits[0] + 1];
    EXPECT_EQ(static_cast<int>(point.kind), static_cast<int>(QuickExitKind::ReturnPoint));
    EXPECT_EQ(point.target, steps_.back().next);
    EXPECT_EQ(executor_.core().returns.pop(point.target), kCodeAt + 4 * point.stub);
  }

  void check_counters(const QuickCode& code, const uint32_t (&before)[16], const QuickCode::Exit* exit, const Expected& expected) {
    uint32_t after[16];
    std::memcpy(after, memory_.ram(kCounters, sizeof after), sizeof after);
    unsigned sum = 0, inner = 0;
    for (unsigned i = 0; i < 16; ++i) {
      const uint32_t counted = after[i] - before[i];
      sum += counted;
      const bool own = i >= kFirstCounter && i - kFirstCounter < code.exits.size();
      if (!own) {
        EXPECT_EQ(counted, 0u) << i;
      }
      if (own && code.exits[i - kFirstCounter].loops) inner += counted;
    }
    if (!variant_.instrument) {
      EXPECT_EQ(sum, 0u);
      return;
    }
    EXPECT_EQ(sum, expected.exits);
    if (expected.rolls_back || exit == nullptr) {
      EXPECT_EQ(inner, expected.rolls_back ? expected.exits : 0);
      return;
    }
    EXPECT_EQ(inner, exit->loops ? expected.exits : expected.exits - 1);
    const size_t own = kFirstCounter + static_cast<size_t>(exit - &code.exits[0]);
    EXPECT_NE(after[own], before[own]);
  }

  /// Where an indirect jump or call went stands in the slot that its counter names, and nothing else has changed.
  void check_targets(const QuickCode& code, const uint32_t (&counters)[16], uint32_t (&expected)[16 * kQuickTargets], const QuickCode::Exit* exit,
                     const Expected& outcome) {
    const bool notes = variant_.instrument && outcome.indirect && outcome.kind != ir::ExitKind::Return && !outcome.rolls_back;
    for (unsigned e = 0; notes && e < code.exits.size(); ++e) {
      const QuickExitKind kind = code.exits[e].kind;
      if ((kind != QuickExitKind::Indirect && kind != QuickExitKind::IndirectCall) || (exit != nullptr && exit != &code.exits[e])) continue;
      const unsigned number = kFirstCounter + e;
      expected[number * kQuickTargets + (counters[number] + 1) % kQuickTargets] = outcome.target;
      ++noted;
    }
    EXPECT_EQ(std::memcmp(expected, memory_.ram(kTargets, sizeof expected), sizeof expected), 0);
  }

  void report(const QuickCode& code, const Machine& before) {
    std::string text;
    for (const Step& step : steps_) text += "instruction at " + std::to_string(step.eip) + "\n" + ir::text(step.lifted);
    text += isa::disassemble_bytes(reinterpret_cast<const uint8_t*>(code.words.data()), 4 * code.words.size(), kCodeAt);
    for (unsigned r = 0; r < 10; ++r) text += "r" + std::to_string(r) + " " + std::to_string(before.reg[r]) + " -> " + std::to_string(machine_.reg[r]) + "\n";
    ADD_FAILURE() << "exit or event " << port_.last << "\n" << text;
  }

  const Variant variant_;
  const isa::MachineDescription machine_description_;
  isa::PhysicalMemory memory_;
  Port port_;
  isa::FunctionalExecutor executor_;
  GuestModel model_;
  QuickTranslator translator_;
  Machine machine_;
  uint32_t eip_ = 0;
  std::vector<Step> steps_;
  bool refused_ = false;
  StoreLog log_;
};

class QuickFuzz : public testing::TestWithParam<NamedMachine> {
 protected:
  using Make = bool (Sequencer::*)(uint64_t, Sequence&);

  void campaign(Make make, uint64_t sequences) {
    Sequencer sequencer(shared(), true);
    const char* const more = std::getenv("CHRYSALIS_FUZZ_SEEDS");
    if (more != nullptr) sequences = std::strtoull(more, nullptr, 10);
    uint64_t blocks = 0, instructions = 0, words = 0, faults = 0, loops = 0, found = 0, noted = 0, refused = 0;
    uint64_t taken[9] = {}, proved = 0, spoilt[std::size(kSpoilers)] = {};
    constexpr unsigned kVariants = 16;
    for (unsigned v = 0; v < kVariants; ++v) {
      Guest guest(GetParam().machine, variant(v));
      for (uint64_t seed = v; seed < sequences; seed += kVariants) {
        Sequence sequence;
        if (!(sequencer.*make)(seed, sequence)) continue;
        guest.run(sequence, seed);
        if (HasFailure()) FAIL() << "sequence " << seed << ", variant " << v;
      }
      blocks += guest.blocks, instructions += guest.instructions, words += guest.words, faults += guest.faults;
      loops += guest.loops, found += guest.found, noted += guest.noted, refused += guest.refused;
      for (unsigned k = 0; k < 9; ++k) taken[k] += guest.taken[k];
      proved += guest.proved;
      for (size_t i = 0; i < std::size(kSpoilers); ++i) spoilt[i] += guest.spoilt[i];
    }
    std::printf("%llu blocks, %llu instructions, %llu words; %llu faults, %llu loops, %llu look-ups that hit, %llu refused; exits by kind:",
                static_cast<unsigned long long>(blocks), static_cast<unsigned long long>(instructions),
                static_cast<unsigned long long>(words), static_cast<unsigned long long>(faults),
                static_cast<unsigned long long>(loops), static_cast<unsigned long long>(found), static_cast<unsigned long long>(refused));
    for (const uint64_t n : taken) std::printf(" %llu", static_cast<unsigned long long>(n));
    std::printf("\n");
    // The campaign means something only if it gets everywhere.
    EXPECT_GT(instructions, sequences);
    EXPECT_GT(faults, sequences / 10);
    for (const QuickExitKind kind : {QuickExitKind::Direct, QuickExitKind::Call, QuickExitKind::Interpret, QuickExitKind::Indirect,
                                     QuickExitKind::IndirectCall, QuickExitKind::Return, QuickExitKind::Repeat}) {
      EXPECT_GT(taken[static_cast<unsigned>(kind)], 0u) << static_cast<int>(kind);
    }
    EXPECT_GT(loops, 0u);
    EXPECT_GT(found, 0u);
    EXPECT_GT(noted, 0u);
    std::printf("%llu blocks proved\n", static_cast<unsigned long long>(proved));
    EXPECT_GT(proved, blocks / 8);  // a quarter of the variants has neither counters nor direct loops
    for (size_t i = 0; i < std::size(kSpoilers); ++i) EXPECT_GT(spoilt[i], 3u) << kSpoilers[i].name;
  }
};

TEST_P(QuickFuzz, RandomSequences) { campaign(&Sequencer::make, 6000); }

TEST_P(QuickFuzz, Loops) { campaign(&Sequencer::make_loop, 2000); }

INSTANTIATE_TEST_SUITE_P(Machines, QuickFuzz, testing::ValuesIn(machines()), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chrysalis::test
