#include "tests/hw/random_program.h"

#include <cstring>
#include <gtest/gtest.h>

#include "isa-host/codec.h"
#include "tests/isa-host/random.h"

namespace chrysalis::hw::test {
namespace {

using isa::Atom;
using isa::Mode;
using isa::Molecule;
using isa::Op;

constexpr unsigned kSlotBytes = 64;  ///< a random molecule, then a branch to the next slot

/// The frame around the random slots. r28..r31 and r51..r62 are the frame's: no random atom writes them.
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
  mfs r28,epc                       ; anything else: go on in the next slot
  and.64 r28,r28,long(-64)
  add.64 r28,r28,64
  mts epc,r28
  eret
interrupt:
  mfs r28,cycles
  add.64 r28,r28,PERIOD
  REARM
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

class Generator {
 public:
  Generator(uint64_t seed, const isa::MachineDescription& machine) : random_(seed), machine_(machine) {}

  /// A molecule for the slot at `address`, of which `left` follow.
  Molecule molecule(uint64_t address, unsigned left) {
    for (;;) {
      Molecule candidate;
      candidate.address = address;
      const unsigned count = 1 + static_cast<unsigned>(random_.below(machine_.width));
      for (unsigned i = 0; i < count; ++i) candidate.atoms[i] = atom(left);
      candidate.count = static_cast<uint8_t>(count);
      uint32_t words[isa::kMaxWords];
      if (isa::encode(candidate, words).ok() && isa::accepts(machine_, candidate)) return candidate;
    }
  }

 private:
  uint8_t reg(bool written) {
    // r0..r27 and r32..r50; reads may also see the rest.
    if (!written && random_.chance(8)) return static_cast<uint8_t>(random_.below(64));
    // A third from four registers, so that molecules wait for each other.
    if (random_.chance(3)) return static_cast<uint8_t>(random_.below(4));
    const unsigned n = static_cast<unsigned>(random_.below(28 + 19));
    return static_cast<uint8_t>(n < 28 ? n : n + 4);
  }

  Atom atom(unsigned left) {
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
      if (!random_.chance(4) && !row->has(kInteresting)) continue;
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
        a.imm = static_cast<int64_t>(kSlotBytes * (1 + random_.below(std::min(left, 12u) + 1)));
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
    a.ra = concealed ? 52 : 51;
    a.mode = Mode::Long;
    if (concealed) {
      a.imm = static_cast<int64_t>(random_.below(4096 - 16));
    } else {
      // Mostly few bytes of few pages, so that accesses meet.
      const unsigned page = static_cast<unsigned>(random_.chance(4) ? random_.below(11) : random_.below(3));
      const unsigned offset = static_cast<unsigned>(random_.chance(4)    ? 4096 - random_.below(16)
                                                    : !random_.chance(4) ? random_.below(32)
                                                                         : random_.below(4096));
      a.imm = page * 4096 + offset;
    }
    if (row.uses(isa::kReadsRm) && !concealed && random_.chance(16)) a.mode = Mode::Register;
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
};

}  // namespace

namespace {

HostProgram generate(const SystemParameters* machine, uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts) {
  std::string text = replace_all(kFrame, "ROUNDS", std::to_string(rounds));
  text = replace_all(text, "SLOTBYTES", std::to_string(slots * kSlotBytes));
  text = replace_all(text, "PERIOD", std::to_string(97 + seed % 211));
  const char* arm = "mts tcompare,r28";
  if (interrupts == Interrupts::Devices) {
    // The device timer at kTimerBase, line 1; r53 keeps its address.
    arm = "stc.64 r28,[r53]";
  }
  text = replace_all(text, "REARM", arm);
  const std::string enable = interrupts == Interrupts::None
                                 ? std::string("nop")
                                 : std::string("movi r53,long(0x68000000)\n movi r28,500\n ") + arm + "\n movi r28,1\n mts imask,r28";
  text = replace_all(text, "ENABLE", enable);
  HostProgram program = read_program("random_" + std::to_string(seed), text);
  program.cycle_only = interrupts != Interrupts::None;

  // Every third seed on a machine with two memory ports, every fifth with a small store buffer.
  if (machine != nullptr) program.machine = *machine;
  else if (seed % 3 == 0) set_parameter(program.machine, "ports=2");
  if (seed % 5 == 0) set_parameter(program.machine, seed % 2 == 0 ? "store_buffer=2" : "store_buffer=4");
  Generator generator(seed, program.machine.core.config.machine);
  const uint64_t first = program.symbol("slots");
  for (unsigned i = 0; i < slots; ++i) {
    const uint64_t address = first + i * kSlotBytes;
    Molecule molecule = generator.molecule(address, slots - 1 - i);
    uint32_t words[isa::kMaxWords];
    EXPECT_TRUE(isa::encode(molecule, words).ok());
    uint8_t* place = program.code.bytes.data() + (address - kConcealedBase);
    std::memcpy(place, words, molecule.bytes);
    Molecule onward;
    onward.count = 1;
    onward.address = address + molecule.bytes;
    onward.atoms[0].op = Op::Br;
    onward.atoms[0].mode = Mode::Short;
    onward.atoms[0].imm = kSlotBytes - molecule.bytes;
    EXPECT_TRUE(isa::encode(onward, words).ok());
    std::memcpy(place + molecule.bytes, words, onward.bytes);
  }
  return program;
}

}  // namespace

HostProgram random_program(uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts) {
  return generate(nullptr, seed, slots, rounds, interrupts);
}

HostProgram random_program_for(const SystemParameters& machine, uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts) {
  return generate(&machine, seed, slots, rounds, interrupts);
}

}  // namespace chrysalis::hw::test
