#include "firmware/code_stubs.h"

#include <cstddef>
#include <utility>

#include "firmware/host.h"
#include "translator/assert.h"
#include "translator/layout.h"
#include "translator/regalloc.h"
#include "translator/stub_writer.h"

namespace chrysalis::fw {
namespace {

using translator::CodeLayout;
using translator::CompiledRegion;
using translator::MachOp;
using translator::Reg;
using translator::StubWriter;

// Neither translations nor, across calls, the firmware have anything in these.
constexpr Reg kBase = 16, kTemp = 17;
constexpr Reg kAddressTemps[] = {18, 19, 20, 21, 22, 23, 24, 25};
constexpr Reg kLookedUp = 29, kExitId = 30;
constexpr Reg kLink = isa::firmware_register(1), kArgument = isa::firmware_register(10);

/// The base of all accesses is the first slot: short offsets reach most.
constexpr uint64_t kSlots = kMailboxAddress + offsetof(Mailbox, context) + offsetof(GuestContext, slot);
constexpr unsigned slot(ir::GuestReg reg) { return 8 * static_cast<unsigned>(reg); }
constexpr unsigned kEip = slot(ir::GuestReg::Eip), kFlags = slot(ir::GuestReg::Flags);

template <class Access>
void for_guest_registers(Access access) {
  for (Reg r = 0; r < 8; ++r) access(static_cast<Reg>(isa::kGuestGpr + r), slot(ir::gpr(r)));
  access(isa::kGuestFlags, kFlags);
}

void jump(StubWriter& w, Reg to) { w.op(isa::Op::BrInd, translator::kNoReg, to); }
void branch(StubWriter& w, CodeStub to) { w.branch(isa::Op::Br, static_cast<int64_t>(to)); }

/// Translations can be interrupted, and must not touch devices; with the firmware it is the other way round.
void begin_translated_code(StubWriter& w) {
  w.constant(kTemp, 1);
  w.write_special(isa::Special::Iomode, isa::kZero);
  w.write_special(isa::Special::Imask, kTemp);
}
void end_translated_code(StubWriter& w) {
  w.constant(kTemp, 1);
  w.write_special(isa::Special::Imask, isa::kZero);
  w.write_special(isa::Special::Iomode, kTemp);
}

void enter(StubWriter& w) {
  w.write_special(isa::Special::Scratch2, translator::kSpillBase);
  w.constant(translator::kSpillBase, kSpillBase);
  w.constant(kBase, kSlots);
  for_guest_registers([&](Reg r, unsigned offset) { w.load(r, kBase, offset); });
  w.load(isa::kGuestEip, kBase, kEip);
  w.op(isa::Op::CommitPc, translator::kNoReg, isa::kGuestEip);  // no instructions: from here on a rollback leads to the entry
  begin_translated_code(w);
  jump(w, kArgument);
}

/// To the context: the guest's registers, and EIP, which is in r8, perhaps sign-extended as literals are.
void store_guest_registers(StubWriter& w) {
  w.constant(kBase, kSlots);
  for_guest_registers([&](Reg r, unsigned offset) { w.store(r, kBase, offset); });
  w.store_low(isa::kGuestEip, kBase, kEip);
}

void leave(StubWriter& w) {
  end_translated_code(w);  // first: an interrupt would roll r8 back
  store_guest_registers(w);
  w.read_special(translator::kSpillBase, isa::Special::Scratch2);
  w.op(isa::Op::Mov, kArgument, kExitId);
  jump(w, kLink);
}

void leave_rolled_back(StubWriter& w) {
  w.write_special(isa::Special::Imask, isa::kZero);
  w.op(isa::Op::Rollback);
  w.read_special(isa::kGuestEip, isa::Special::Gpc);
  branch(w, CodeStub::Leave);
}

void trap(StubWriter& w) {
  w.constant(kExitId, kExitTrap);
  branch(w, CodeStub::LeaveRolledBack);
}

void indirect(StubWriter& w) {
  w.op(isa::Op::JtbLookup, kLookedUp, isa::kGuestEip);
  w.branch(isa::Op::BrZ, static_cast<int64_t>(CodeStub::IndirectMissed)).a = kLookedUp;
  jump(w, kLookedUp);
}

void indirect_missed(StubWriter& w) {
  constexpr Reg kKey = 18, kIndex = 19, kFound = 20, kCode = 21, kSecond = 22;
  const auto literal = [](MachOp& op, int64_t value) {
    op.imm = value;
    op.mode = value >= -32 && value < 32 ? isa::Mode::Short : isa::Mode::Long;
  };
  w.op(isa::Op::Zext32, kKey, isa::kGuestEip);
  literal(w.op(isa::Op::Shr32, kIndex, kKey), kJumpTableShift);
  w.op(isa::Op::Xor32, kIndex, kIndex).b = kKey;
  literal(w.op(isa::Op::And32, kIndex, kIndex), kJumpTableEntries - 1);
  literal(w.op(isa::Op::Shl32, kIndex, kIndex), 4);  // sizeof(JumpTableEntry)
  literal(w.op(isa::Op::Add64, kIndex, kIndex), kJumpTableBase);
  literal(w.op(isa::Op::Add64, kSecond, kIndex), offsetof(JumpTableEntry, code));
  w.load(kFound, kIndex, 0);
  w.load(kCode, kSecond, 0);
  MachOp& other = w.branch(isa::Op::BrNe, static_cast<int64_t>(CodeStub::IndirectUnknown));
  other.a = kFound;
  other.b = kKey;
  other.mode = isa::Mode::Long;
  w.op(isa::Op::JtbWrite, translator::kNoReg, isa::kGuestEip).b = kCode;
  jump(w, kCode);
}

void indirect_unknown(StubWriter& w) {
  w.constant(kExitId, kExitIndirect);
  branch(w, CodeStub::Leave);
}

void recover(StubWriter& w) {
  w.op(isa::Op::Rollback);
  end_translated_code(w);
  w.read_special(isa::kGuestEip, isa::Special::Gpc);
  store_guest_registers(w);
  jump(w, kLink);
}

}  // namespace

void write_code_stubs(const isa::MachineDescription& machine) {
  void (*const writers[])(StubWriter&) = {enter, leave, leave_rolled_back, trap, indirect, indirect_missed, indirect_unknown, recover};
  constexpr unsigned kStubs = static_cast<unsigned>(CodeStub::kCount);
  static_assert(sizeof writers / sizeof writers[0] == kStubs);
  StubWriter w(machine, kAddressTemps);
  for (unsigned i = 0; i < kStubs; ++i) {
    writers[i](w);
    CodeLayout layout;
    for (unsigned other = 0; other < kStubs; ++other) {
      if (other != i) layout.define(other, address(static_cast<CodeStub>(other)));
    }
    layout.add(i, w.finish());
    const uint64_t at = address(static_cast<CodeStub>(i));
    const uint64_t bytes = layout.place(at);
    CHRYSALIS_ASSERT(bytes != 0 && bytes <= kCodeStubSize, i);
    const std::vector<uint32_t> words = layout.encode();
    host::write_code(at, words.data(), words.size());
  }
}

}  // namespace chrysalis::fw
