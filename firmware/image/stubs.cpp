#include "firmware/image/stubs.h"

#include "firmware/abi.h"
#include "firmware/runtime/event_frame.h"
#include "translator/regalloc.h"
#include "translator/stub_writer.h"

namespace chrysalis::image {
namespace {

using translator::CompiledRegion;
using translator::Reg;
using translator::StubWriter;

// Registers of the convention: r28, r29 may hold moves in flight and are kept in scratch specials; r30 is the
// stubs' own.
constexpr Reg kBase = 28, kTemp0 = 29, kTemp1 = 30;
constexpr Reg kAddressTemps[] = {kTemp0, kTemp1};

constexpr Reg firmware(unsigned x) { return static_cast<Reg>(isa::firmware_register(x)); }

/// Registers that fw_event() may change: what EventFrame lists, without r0..r8, which compiled code leaves alone.
std::vector<Reg> changed_by_event_handler() {
  std::vector<Reg> out;
  for (Reg r = isa::kFirstFlagsReg; r <= isa::kLastTemp; ++r) out.push_back(r);
  out.push_back(translator::kSpillBase);
  for (const auto& [first, last] : {std::pair{1u, 2u}, {5u, 7u}, {10u, 17u}, {28u, 31u}}) {
    for (unsigned x = first; x <= last; ++x) out.push_back(firmware(x));
  }
  return out;
}

constexpr unsigned frame_offset(Reg r) { return static_cast<unsigned>(offsetof(fw::EventFrame, r)) + 8u * r; }

CompiledRegion reset_stub(StubWriter& w, const StubTargets& targets) {
  w.address_of(kTemp1, kLabelEvent);
  w.write_special(isa::Special::Vbase, kTemp1);
  w.constant(translator::kSpillBase, targets.spill_slots);
  w.constant(kBase, fw::kMailboxAddress);
  w.load(firmware(2), kBase, offsetof(fw::Mailbox, stack_top));
  w.branch(isa::Op::Br, targets.start);
  return w.finish();
}

CompiledRegion event_stub(StubWriter& w, const StubTargets& targets) {
  w.write_special(isa::Special::Scratch0, kBase);
  w.write_special(isa::Special::Scratch1, kTemp0);
  w.constant(kBase, targets.event_frame);
  w.load(kTemp1, kBase, offsetof(fw::EventFrame, active));
  w.branch(isa::Op::BrNz, kLabelNestedEvent).a = kTemp1;
  for (Reg r = 0; r < isa::kFirstFlagsReg; ++r) w.store(r, kBase, frame_offset(r));
  for (const Reg r : changed_by_event_handler()) w.store(r, kBase, frame_offset(r));
  w.constant(translator::kSpillBase, 1);
  w.store(translator::kSpillBase, kBase, offsetof(fw::EventFrame, active));
  w.constant(translator::kSpillBase, targets.event_spill_slots);
  w.constant(firmware(2), targets.event_stack_end);
  w.op(isa::Op::Mov, firmware(10), kBase);
  w.branch(isa::Op::Call, targets.event).d = firmware(1);
  return w.finish();
}

CompiledRegion event_return_stub(StubWriter& w, const StubTargets& targets) {
  w.branch(isa::Op::BrNz, kLabelEventAbandon).a = firmware(10);
  w.constant(kBase, targets.event_frame);
  w.store(isa::kZero, kBase, offsetof(fw::EventFrame, active));
  for (const Reg r : changed_by_event_handler()) w.load(r, kBase, frame_offset(r));
  w.read_special(kBase, isa::Special::Scratch0);
  w.read_special(kTemp0, isa::Special::Scratch1);
  w.op(isa::Op::Eret);
  return w.finish();
}

/// Ordinary code goes on, at the place that fw_event() has returned: with its own spill slots.
CompiledRegion event_abandon_stub(StubWriter& w, const StubTargets& targets) {
  w.constant(kBase, targets.event_frame);
  w.store(isa::kZero, kBase, offsetof(fw::EventFrame, active));
  w.constant(translator::kSpillBase, targets.spill_slots);
  w.constant(firmware(11), 1);
  w.branch(isa::Op::Br, targets.long_jump);
  return w.finish();
}

CompiledRegion nested_event_stub(StubWriter& w) {
  w.constant(kTemp1, static_cast<uint64_t>(fw::Service::Panic));
  w.op(isa::Op::Platform, translator::kNoReg, kTemp1);
  w.branch(isa::Op::Br, kLabelNestedEvent);
  return w.finish();
}

}  // namespace

void add_stubs(const isa::MachineDescription& machine, const StubTargets& targets, translator::CodeLayout& layout) {
  StubWriter w(machine, kAddressTemps);
  layout.add(kLabelReset, reset_stub(w, targets));
  layout.add(kLabelEvent, event_stub(w, targets), kLabelEventReturn);
  layout.add(kLabelEventReturn, event_return_stub(w, targets));
  layout.add(kLabelEventAbandon, event_abandon_stub(w, targets));
  layout.add(kLabelNestedEvent, nested_event_stub(w));
}

}  // namespace chrysalis::image
