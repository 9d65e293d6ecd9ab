#include "isa-host/functional.h"

namespace chrysalis::isa {

FunctionalExecutor::Entry* FunctionalExecutor::predecode(uint64_t pc) {
  CodecResult result{CodecError::Misaligned, 0};
  Molecule molecule;
  uint64_t other = 0;
  if (code_.holds(pc) && (pc & 3) == 0) {
    const uint64_t end = core_.config().concealed_base + core_.config().concealed_size;
    const unsigned available = static_cast<unsigned>(end - pc < 4 * kMaxWords ? (end - pc) / 4 : kMaxWords);
    uint32_t words[kMaxWords] = {};
    std::memcpy(words, memory_.ram(pc, 4 * available), 4 * available);
    result = decode(words, available, pc, molecule);
    if (result.ok() && !accepts(core_.config().machine, molecule)) other = kInfoNotThisMachine;
  }
  if (!result.ok() || other != 0) {
    core_.raise(Cause::IllegalMolecule, pc, static_cast<uint64_t>(result.error) | other);
    return nullptr;
  }
  Entry& entry = code_.insert(pc, molecule.bytes);
  entry.prepared = Prepared<FunctionalCore>(molecule);
  entry.next = pc + molecule.bytes;
  return &entry;
}

bool FunctionalExecutor::sample_due() {
  const uint64_t period = core_.special_ref(Special::SamplePeriod);
  if (period == 0 || (core_.special_ref(Special::Features) & kFeatureSampling) == 0 || molecules_ - last_sample_ < period) return false;
  last_sample_ = molecules_;
  return true;
}

void FunctionalExecutor::enter_event() {
  ++events_[static_cast<unsigned>(core_.event.cause)];
  core_.enter_event();
}

void FunctionalExecutor::interrupt(const Event& event) {
  if (event.cause == Cause::Sample) core_.special_ref(Special::SampleAddress) = core_.pc;
  core_.event = event;
  enter_event();
}

template <bool kCall> StopReason FunctionalExecutor::go(uint64_t molecules, uint64_t return_address) {
  FunctionalCore& core = core_;
  for (; molecules != 0; --molecules) {
    if (core.stopped) return StopReason::Platform;
    if (kCall && core.pc == return_address) return StopReason::Returned;
    if (code_.changed()) code_.collect();
    if (core.special_ref(Special::Imask) != 0 && !following_ && core.poll_interrupts(sample_due())) {
      enter_event();
      if (kCall) return StopReason::Event;
      continue;
    }
    Entry* entry = code_.find(core.pc);
    if (entry == nullptr) entry = predecode(core.pc);
    if (entry == nullptr) {
      enter_event();
      if (kCall) return StopReason::Event;
      continue;
    }
    core.next_pc = entry->next;
    ++molecules_;
    atoms_ += entry->prepared.plan.count;
    if (execute(core, entry->prepared)) {
      core.pc = core.next_pc;
    } else {
      enter_event();
      if (kCall) return StopReason::Event;
    }
  }
  return core.stopped ? StopReason::Platform : StopReason::Budget;
}

StopReason FunctionalExecutor::run(uint64_t molecules) { return go<false>(molecules, 0); }
StopReason FunctionalExecutor::run_until(uint64_t return_address) { return go<true>(~uint64_t{0}, return_address); }

}  // namespace chrysalis::isa
