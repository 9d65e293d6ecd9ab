#include "firmware/image/stubs.h"

#include "firmware/abi.h"
#include "firmware/runtime/event_frame.h"
#include "translator/codegen.h"
#include "translator/regalloc.h"

namespace chrysalis::image {
namespace {

using translator::CompiledRegion;
using translator::MachOp;
using translator::Reg;

// Registers of the convention: r28, r29 may hold moves in flight and are kept in scratch specials; r30 is the
// stubs' own.
constexpr Reg kBase = 28, kTemp0 = 29, kTemp1 = 30;

constexpr Reg firmware(unsigned x) { return static_cast<Reg>(isa::firmware_register(x)); }

/// Writes straight-line atoms over physical registers.
class StubWriter {
 public:
  explicit StubWriter(const isa::MachineDescription& machine) : machine_(machine) {}

  MachOp& op(isa::Op atom, Reg d = translator::kNoReg, Reg a = translator::kNoReg) {
    MachOp op;
    op.op = atom;
    op.d = d;
    op.a = a;
    op.id = static_cast<int32_t>(ops_.size());
    op.hoist_limit = translator::kNeverHoist;
    ops_.push_back(op);
    return ops_.back();
  }

  void constant(Reg to, uint64_t value) {
    MachOp& atom = op(isa::Op::MovImm, to);
    atom.mode = isa::Mode::Long;
    atom.imm = static_cast<int32_t>(value);
  }

  void address_of(Reg to, int64_t label) {
    constant(to, 0);
    ops_.back().target_kind = translator::Target::Label;
    ops_.back().target = label;
  }

  void write_special(isa::Special special, Reg from) { op(isa::Op::Mts, translator::kNoReg, from).count = static_cast<uint16_t>(special); }
  void read_special(Reg to, isa::Special special) { op(isa::Op::Mfs, to).count = static_cast<uint16_t>(special); }

  /// 64-bit access at base + offset. On machines that cannot add, temporaries take turns in forming addresses.
  void memory(isa::Op atom, Reg data, Reg base, unsigned offset) {
    const bool adds = machine_.offset_addressing != 0;
    if (!adds && offset != 0) {
      const Reg temp = turn_++ % 2 ? kTemp1 : kTemp0;
      MachOp& sum = op(isa::Op::Add64, temp, base);
      sum.imm = offset;
      sum.mode = mode(offset);
      base = temp;
    }
    MachOp& access = op(atom, data, base);
    access.imm = adds ? offset : 0;
    access.mode = mode(static_cast<unsigned>(access.imm));
    access.base = 0;  // all accesses of one stub have one base
    access.offset = offset;
    access.size = 8;
  }
  void load(Reg to, Reg base, unsigned offset) { memory(isa::Op::LdC64, to, base, offset); }
  void store(Reg from, Reg base, unsigned offset) { memory(isa::Op::StC64, from, base, offset); }

  MachOp& branch(isa::Op atom, int64_t label) {
    MachOp& out = op(atom);
    out.mode = isa::Mode::Short;
    out.target_kind = translator::Target::Label;
    out.target = label;
    return out;
  }

  CompiledRegion finish() {
    CompiledRegion out;
    translator::compile_stub(ops_, machine_, out);
    ops_.clear();
    return out;
  }

 private:
  static isa::Mode mode(unsigned value) { return value < 32 ? isa::Mode::Short : isa::Mode::Long; }

  const isa::MachineDescription& machine_;
  std::vector<MachOp> ops_;
  unsigned turn_ = 0;
};

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
  w.constant(kBase, targets.event_frame);
  w.store(isa::kZero, kBase, offsetof(fw::EventFrame, active));
  for (const Reg r : changed_by_event_handler()) w.load(r, kBase, frame_offset(r));
  w.read_special(kBase, isa::Special::Scratch0);
  w.read_special(kTemp0, isa::Special::Scratch1);
  w.op(isa::Op::Eret);
  return w.finish();
}

CompiledRegion nested_event_stub(StubWriter& w) {
  w.constant(kTemp1, static_cast<uint64_t>(fw::Service::Panic));
  w.op(isa::Op::Platform, translator::kNoReg, kTemp1);
  w.branch(isa::Op::Br, kLabelNestedEvent);
  return w.finish();
}

constexpr unsigned kGuestRegisters = isa::kGuestFlags + 1;  // r0..r9: as GuestContext::slot begins

constexpr unsigned slot_offset(Reg r) {
  return static_cast<unsigned>(offsetof(fw::Mailbox, context) + offsetof(fw::GuestContext, slot)) + 8u * r;
}

CompiledRegion enter_stub(StubWriter& w) {
  w.constant(kBase, fw::kMailboxAddress);
  for (Reg r = 0; r < kGuestRegisters; ++r) w.load(r, kBase, slot_offset(r));
  w.op(isa::Op::BrInd, translator::kNoReg, firmware(10));
  return w.finish();
}

CompiledRegion leave_stub(StubWriter& w) {
  w.constant(kBase, fw::kMailboxAddress);
  for (Reg r = 0; r < kGuestRegisters; ++r) w.store(r, kBase, slot_offset(r));
  w.op(isa::Op::BrInd, translator::kNoReg, firmware(1));
  return w.finish();
}

}  // namespace

void add_stubs(const isa::MachineDescription& machine, const StubTargets& targets, translator::CodeLayout& layout) {
  StubWriter w(machine);
  layout.add(kLabelReset, reset_stub(w, targets));
  layout.add(kLabelEvent, event_stub(w, targets), kLabelEventReturn);
  layout.add(kLabelEventReturn, event_return_stub(w, targets));
  layout.add(kLabelNestedEvent, nested_event_stub(w));
  layout.add(translator::kLabelEnterTranslation, enter_stub(w));
  layout.add(kLabelLeaveTranslation, leave_stub(w));
}

}  // namespace chrysalis::image
