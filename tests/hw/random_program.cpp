#include "tests/hw/random_program.h"

#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "isa-host/codec.h"
#include "tests/isa-host/random.h"

namespace chrysalis::hw::test {
namespace {

using isa::Atom;
using isa::Mode;
using isa::Molecule;
using isa::Op;

constexpr unsigned kSlotBytes = 64;  ///< up to three random molecules, then a branch to the next slot

/// The frame around the random slots. r28..r31 and r51..r62 are the frame's: no random atom writes them. On a machine whose memory atoms
/// have no offset each slot begins with the molecules that load r54 and r55 with the addresses of guest and concealed accesses.
/// Guest pages: 0 writable; 1 and 2 writable; 3 read-only; 4 translated in granules 0, 2, 4 ..; 5 a device;
/// 6 mapped to concealed memory; 7 not dirty; 8 supervisor; 9 mapped to nothing; others absent.
const char* const kFrame = R"(
  movi r28,handler
  mts vbase,r28
  movi r52,long(concealed_data)
  movi r51,0
  movi r62,ROUNDS
  { movi r29,0x00 | movi r30,0x0073 }
  tlbw r29,r30
  { movi r29,0x01 | movi r30,0x1073 }
  tlbw r29,r30
  { movi r29,0x02 | movi r30,0x2073 }
  tlbw r29,r30
  { movi r29,0x03 | movi r30,0x3071 }
  tlbw r29,r30
  movi r29,long(0x55555555)
  shl.64 r29,r29,32
  { or.64 r29,r29,4 | movi r30,0x4077 }
  tlbw r29,r30
  { movi r29,0x05 | movi r30,long(0x6801007b) }
  tlbw r29,r30
  { movi r29,0x06 | movi r30,long(0x70008073) }
  tlbw r29,r30
  { movi r29,0x07 | movi r30,0x7063 }
  tlbw r29,r30
  { movi r29,0x08 | movi r30,long(0x8072) }
  tlbw r29,r30
  { movi r29,0x09 | movi r30,long(0x50000073) }
  tlbw r29,r30
  ENABLE
round:
  br slots
handler:
  mfs r28,ecause
  seq r29,r28,11                    ; Cause::Interrupt
  brnz r29,interrupt
  seq r29,r28,12                    ; Cause::Sample
  brnz r29,resume
  mfs r28,epc                       ; anything else: go on in the next slot
  and.64 r28,r28,long(-64)
  add.64 r28,r28,64
  mts epc,r28
  eret
interrupt:
  mfs r28,cycles
  add.64 r28,r28,PERIOD
  REARM
resume:
  eret
after:
  sub.64 r62,r62,1
  brnz r62,round
  mts imask,zero
end:
  platform r62
.align 64
slots:
  .zero SLOTBYTES
  br after
.align 4096
concealed_data:
  .zero 4096
)";

std::string replace_all(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

constexpr unsigned kBranchBytes = 4;
constexpr unsigned kPrefixBytes = 16;  ///< two molecules: an atom and its literal each
constexpr uint8_t kGuestRegister = 54, kConcealedRegister = 55;

class Generator {
 public:
  /// `concealed`: the page of concealed accesses.
  Generator(uint64_t seed, const isa::MachineDescription& machine, uint64_t concealed) : random_(seed), machine_(machine), concealed_(concealed) {}

  /// What stands in a slot before its molecules, which have been made: it loads the address registers, if the machine needs them.
  std::vector<Molecule> prefix() const {
    if (machine_.offset_addressing != 0) return {};
    return {load_address(kGuestRegister, guest_address_), load_address(kConcealedRegister, concealed_address_)};
  }
  unsigned prefix_bytes() const { return machine_.offset_addressing != 0 ? 0 : kPrefixBytes; }

  /// Where in the program the next molecule comes.
  struct Where {
    uint64_t slot, address;
    unsigned left;            ///< slots behind this one
  };

  Molecule molecule(const Where& where) { return make(where, Kind::Any, 0); }
  /// One that raises no event, but for alias faults and full buffers.
  Molecule harmless_molecule(const Where& where) { return make(where, Kind::Harmless, 0); }
  /// One whose atom at `place` raises an event.
  Molecule faulting_molecule(const Where& where, unsigned place) { return make(where, Kind::Faulting, place); }
  bool can_fault_at(unsigned place) const {
    for (unsigned slot = place; slot < machine_.width; ++slot)
      if (isa::offers(machine_.slot_units[slot], isa::Unit::Load)) return true;
    return false;
  }
  unsigned up_to(unsigned n) { return static_cast<unsigned>(random_.below(n + 1)); }

 private:
  enum class Kind : uint8_t { Any, Harmless, Faulting };

  static Molecule load_address(uint8_t reg, uint64_t address) {
    Molecule molecule;
    molecule.count = 1;
    molecule.atoms[0].op = Op::MovImm;
    molecule.atoms[0].rd = reg;
    molecule.atoms[0].mode = Mode::Long;
    molecule.atoms[0].imm = static_cast<int64_t>(address);
    return molecule;
  }

  Molecule make(const Where& where, Kind kind, unsigned place) {
    for (;;) {
      Molecule candidate;
      candidate.address = where.address;
      const unsigned least = kind == Kind::Faulting ? place + 1 : 1;
      const unsigned count = least + up_to(machine_.width - least);
      for (unsigned i = 0; i < count; ++i)
        candidate.atoms[i] = kind == Kind::Any ? atom(where) : kind == Kind::Faulting && i == place ? faulting_atom(where) : harmless_atom(where);
      candidate.count = static_cast<uint8_t>(count);
      uint32_t words[isa::kMaxWords];
      if (isa::encode(candidate, words).ok() && isa::accepts(machine_, candidate)) return candidate;
    }
  }

  /// One that neither raises an event before another atom does nor changes the mode in which later molecules run.
  Atom harmless_atom(const Where& where) {
    for (;;) {
      const Atom a = atom(where);
      const isa::AtomInfo& row = isa::info(a.op);
      if (a.op == Op::Mts) continue;
      if (row.has(isa::kGuest) && (machine_.offset_addressing == 0 || a.mode != Mode::Long || a.imm >= 2 * 4096)) continue;
      return a;
    }
  }

  /// A guest access to a page that is absent or mapped to nothing; of stores also to one that is read-only or not dirty.
  Atom faulting_atom(const Where& where) {
    for (;;) {
      Atom a = atom(where);
      const isa::AtomInfo& row = isa::info(a.op);
      if (!row.has(isa::kGuest) || !row.has(isa::kLoad | isa::kStore) || a.mode == Mode::Register) continue;
      constexpr unsigned kPages[] = {10, 9, 3, 7};
      const unsigned page = kPages[random_.below(row.has(isa::kStore) ? 4 : 2)];
      give_address(a, row, page * 4096 + random_.below(4096 - 16));
      return a;
    }
  }

  uint8_t reg(bool written) {
    // r0..r27 and r32..r50; reads may also see the rest.
    if (!written && random_.chance(8)) return static_cast<uint8_t>(random_.below(64));
    // A third from four registers, so that molecules wait for each other, and many reads from what was written last.
    if (!written && random_.chance(4)) return written_last_;
    const unsigned n = static_cast<unsigned>(random_.chance(3) ? random_.below(4) : random_.below(28 + 19));
    const auto chosen = static_cast<uint8_t>(n < 28 ? n : n + 4);
    if (written) written_last_ = chosen;
    return chosen;
  }

  /// Whether a result takes so long that much can happen before it is there.
  static bool is_slow(const isa::AtomInfo& row) {
    return row.latency == isa::Latency::Div || row.latency == isa::Latency::FpDiv || row.latency == isa::Latency::FpSqrt;
  }

  Atom atom(const Where& where) {
    for (;;) {
      Atom a;
      // A quarter from the table's whole breadth, the rest memory atoms and commits, where the trouble is.
      a.op = static_cast<Op>(random_.below(isa::kOps));
      const isa::AtomInfo* row = &isa::info(a.op);
      constexpr uint32_t kInteresting = isa::kLoad | isa::kStore | isa::kProbe | isa::kCommit | isa::kRollback | isa::kMasked;
      // Among the many loads and stores commits would be rare, and with them everything that is released.
      if (random_.chance(16)) {
        a.op = random_.chance(6) ? Op::Rollback : random_.chance(4) ? Op::UncountCc : random_.chance(3) ? Op::CommitPc : Op::Commit;
        row = &isa::info(a.op);
      }
      if (!random_.chance(4) && !row->has(kInteresting) && !(is_slow(*row) && random_.chance(2))) continue;
      if (a.op == Op::Platform || a.op == Op::Eret || a.op == Op::TlbWrite) continue;
      a.rd = row->uses(isa::kWritesVd | isa::kReadsVd) ? static_cast<uint8_t>(random_.below(64)) : reg(true);
      a.ra = row->uses(isa::kReadsVa) ? static_cast<uint8_t>(random_.below(64)) : reg(false);
      a.rb = row->uses(isa::kReadsVb) ? static_cast<uint8_t>(random_.below(64)) : reg(false);
      a.rc = reg(false);
      a.fd = static_cast<uint8_t>(random_.below(8));
      a.cond = static_cast<isa::Cond>(random_.below(16));
      a.scale = static_cast<uint8_t>(random_.below(4));
      a.alias = static_cast<uint8_t>(random_.below(row->has(isa::kMasked) ? 256 : 8));
      a.count = static_cast<uint16_t>(random_.below(64));
      if (!special_ok(a)) continue;
      if (row->uses(isa::kTarget)) {
        // Forward only, within the slots: every round ends.
        a.mode = Mode::Short;
        a.imm = static_cast<int64_t>(where.slot + kSlotBytes * (1 + random_.below(std::min(where.left, 12u) + 1)) - where.address);
      } else if (row->has(isa::kBranch)) {
        continue;  // indirect: the frame's `br` and events are enough, since targets cannot be random
      } else if (row->has(isa::kGuest | isa::kConcealed)) {
        memory_operand(a, *row);
      } else {
        a.mode = static_cast<Mode>(random_.below(3));
        a.imm = a.mode == Mode::Register ? 0 : static_cast<int32_t>(random_.operand());
        if (a.mode == Mode::Short) a.imm = static_cast<int64_t>(random_.below(64)) - 32;
      }
      clear_unused(a, *row);
      if (isa::check_atom(a) == isa::CodecError::None) return a;
    }
  }

  bool special_ok(const Atom& a) const {
    using isa::Special;
    const auto which = static_cast<Special>(a.count);
    if (a.op == Op::Mts) {
      return which == Special::Scratch0 || which == Special::Scratch3 || which == Special::UserMode ||
             which == Special::Iomode || which == Special::Fcr || which == Special::Fsr || which == Special::Gpc;
    }
    if (a.op == Op::Mfs) {
      return a.count < isa::kSpecials && which != Special::Cycles && which != Special::Molecules && which != Special::Atoms &&
             which != Special::Ipending;
    }
    return true;
  }

  /// Addresses: around the mapped pages and their boundaries for guest accesses, one page for concealed ones.
  void memory_operand(Atom& a, const isa::AtomInfo& row) {
    const bool concealed = row.has(isa::kConcealed);
    if (concealed) {
      give_address(a, row, random_.below(4096 - 16));
    } else {
      // Mostly few bytes of few pages, so that accesses meet.
      const unsigned page = static_cast<unsigned>(random_.chance(4) ? random_.below(11) : random_.below(3));
      const unsigned offset = static_cast<unsigned>(random_.chance(4)    ? 4096 - random_.below(16)
                                                    : !random_.chance(4) ? random_.below(32)
                                                                         : random_.below(4096));
      give_address(a, row, page * 4096 + offset);
    }
    if (row.uses(isa::kReadsRm) && !concealed && random_.chance(16)) a.mode = Mode::Register;
  }

  /// `at`: a guest address, or a place in the page of concealed accesses.
  void give_address(Atom& a, const isa::AtomInfo& row, uint64_t at) {
    const bool concealed = row.has(isa::kConcealed);
    if (machine_.offset_addressing != 0) {
      a.ra = concealed ? 52 : 51;
      a.mode = Mode::Long;
      a.imm = static_cast<int64_t>(at);
      return;
    }
    a.ra = concealed ? kConcealedRegister : kGuestRegister;
    a.mode = row.uses(isa::kReadsRm) ? Mode::Short : Mode::Register;
    a.imm = 0;
    (concealed ? concealed_address_ : guest_address_) = concealed ? concealed_ + at : at;
  }

  static void clear_unused(Atom& a, const isa::AtomInfo& row) {
    if (!row.uses(isa::kWritesRd | isa::kReadsRd | isa::kWritesVd | isa::kReadsVd)) a.rd = 0;
    if (!row.uses(isa::kReadsRa | isa::kReadsVa)) a.ra = 0;
    const bool rb = row.uses(isa::kReadsRb | isa::kReadsVb) || (row.uses(isa::kReadsRm) && a.mode == Mode::Register);
    if (!rb) a.rb = 0;
    if (!row.uses(isa::kReadsRc)) a.rc = 0;
    if (!row.has(isa::kWritesFd)) a.fd = 0;
    if (!row.has(isa::kProtect | isa::kMasked)) a.alias = 0;
    const bool condition = isa::detail::contains(row.operands, "cond");
    if (!condition) a.cond = isa::Cond::O;
    if (a.op == Op::SelectCc) a.cond = static_cast<isa::Cond>(static_cast<unsigned>(a.cond) & ~1u);
    if (!isa::detail::contains(row.operands, "scale")) a.scale = 0;
    if (!isa::detail::contains(row.operands, "count") && !isa::detail::contains(row.operands, "special")) a.count = 0;
    if (!row.uses(isa::kReadsRm | isa::kOptionalLong | isa::kTarget | isa::kImmediate)) {
      a.mode = Mode::Register;
      a.imm = 0;
    }
    if (a.mode == Mode::Register) a.imm = 0;
  }

  isa::test::Random random_;
  const isa::MachineDescription& machine_;
  uint64_t concealed_;
  uint64_t guest_address_ = 0, concealed_address_ = 0;  ///< given last
  uint8_t written_last_ = 0;
};

}  // namespace

namespace {

struct Shape {
  unsigned slots = 60, rounds = 4;
  Interrupts interrupts = Interrupts::None;
  uint64_t interrupt_at = 0;                        ///< once, in that cycle; 0: again and again
  std::map<uint64_t, unsigned>* faults = nullptr;   ///< FaultingProgram::places
};

HostProgram generate(const SystemParameters* machine, uint64_t seed, const Shape& shape) {
  const auto [slots, rounds, interrupts, interrupt_at, faults] = shape;
  constexpr uint64_t kNever = 1'000'000'000;
  std::string text = replace_all(kFrame, "ROUNDS", std::to_string(rounds));
  text = replace_all(text, "SLOTBYTES", std::to_string(slots * kSlotBytes));
  text = replace_all(text, "PERIOD", std::to_string(interrupt_at != 0 ? kNever : 97 + seed % 211));
  const char* arm = "mts tcompare,r28";
  if (interrupts == Interrupts::Devices) {
    // The device timer at kTimerBase, line 1; r53 keeps its address.
    arm = "stc.64 r28,[r53]";
  }
  text = replace_all(text, "REARM", arm);
  // A quarter of the programs with interrupts has samples as well.
  const bool samples = interrupts != Interrupts::None && interrupt_at == 0 && seed % 4 == 0;
  const std::string enable = interrupts == Interrupts::None
                                 ? std::string("nop")
                                 : std::string(samples ? "movi r28,long(83)\n mts speriod,r28\n " : "") + "movi r53,long(0x68000000)\n movi r28,long(" + std::to_string(interrupt_at != 0 ? interrupt_at : 500) + ")\n " + arm + "\n movi r28,1\n mts imask,r28";
  text = replace_all(text, "ENABLE", enable);
  HostProgram program = read_program("random_" + std::to_string(seed), text);
  program.cycle_only = interrupts != Interrupts::None;

  // Every third seed on a machine with two memory ports, every fifth with a small store buffer.
  if (machine != nullptr) program.machine = *machine;
  else if (seed % 3 == 0) set_parameter(program.machine, "ports=2");
  if (seed % 5 == 0) set_parameter(program.machine, seed % 2 == 0 ? "store_buffer=2" : "store_buffer=4");
  Generator generator(seed, program.machine.core.config.machine, program.symbol("concealed_data"));
  const uint64_t first = program.symbol("slots");
  for (unsigned i = 0; i < slots; ++i) {
    const uint64_t slot = first + i * kSlotBytes;
    std::vector<Molecule> molecules;
    uint64_t at = slot + generator.prefix_bytes();
    const auto add = [&](Molecule made) {
      if (at + made.bytes > slot + kSlotBytes - kBranchBytes) return;
      at += made.bytes;
      molecules.push_back(made);
    };
    const unsigned place = i % program.machine.core.config.machine.width;
    const bool faulting = faults != nullptr && generator.can_fault_at(place);
    const bool illegal = faulting && generator.up_to(7) == 0;  // what stands there then is 0, which is no atom
    for (unsigned more = generator.up_to(2); more != 0; --more)
      add(faulting ? generator.harmless_molecule({slot, at, slots - 1 - i}) : generator.molecule({slot, at, slots - 1 - i}));
    if (faulting && !illegal) {
      const uint64_t address = at;
      add(generator.faulting_molecule({slot, at, slots - 1 - i}, place));
      if (at != address) (*faults)[address] = place;
    } else if (!illegal) {
      add(generator.molecule({slot, at, slots - 1 - i}));
    }
    std::vector<Molecule> whole = generator.prefix();
    whole.insert(whole.end(), molecules.begin(), molecules.end());
    at = slot;
    const auto put = [&program, &at](Molecule& next) {
      next.address = at;
      uint32_t words[isa::kMaxWords];
      EXPECT_TRUE(isa::encode(next, words).ok());
      std::memcpy(program.code.bytes.data() + (at - kConcealedBase), words, next.bytes);
      at += next.bytes;
    };
    for (Molecule& next : whole) put(next);
    if (illegal) continue;
    Molecule onward;
    onward.count = 1;
    onward.atoms[0].op = Op::Br;
    onward.atoms[0].mode = Mode::Short;
    onward.atoms[0].imm = static_cast<int64_t>(slot + kSlotBytes - at);
    put(onward);
  }
  return program;
}

}  // namespace

HostProgram random_program(uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts) {
  return generate(nullptr, seed, {slots, rounds, interrupts});
}

HostProgram random_program_for(const SystemParameters& machine, uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts) {
  return generate(&machine, seed, {slots, rounds, interrupts});
}

HostProgram interrupted_program(const SystemParameters& machine, uint64_t seed, unsigned slots, Interrupts interrupts, uint64_t at) {
  return generate(&machine, seed, {slots, 1, interrupts, at});
}

FaultingProgram faulting_program(const SystemParameters& machine, uint64_t seed, unsigned slots) {
  FaultingProgram result;
  result.program = generate(&machine, seed, {slots, 1, Interrupts::None, 0, &result.places});
  return result;
}

}  // namespace chrysalis::hw::test
