// Molecules that come before idle cycles are dissolved into the ones behind those: part of schedule.h's Scheduler.
#include <algorithm>

#include "translator/assert.h"
#include "translator/schedule.h"

namespace chrysalis::translator {

/// Whether everything that waits for `op` can do so until it issues in `cycle`, the code that an exit leads to included, which comes up after the
/// penalty of a branch. A load that some atom reads is left early: it may miss.
bool Scheduler::may_wait(uint32_t op, uint32_t cycle, const Schedule& plan) {
  const isa::Latency latency_class = isa::info(ops_[op].op).latency;
  // The next one for an iterative unit may follow as soon as it is free.
  if (latency_class == isa::Latency::Div || latency_class == isa::Latency::FpDiv || latency_class == isa::Latency::FpSqrt) return false;
  const bool loads = isa::info(ops_[op].op).has(isa::kLoad);
  const OpRegs own = registers_of(ops_[op]);
  const uint32_t ready = cycle + machine_.latency[static_cast<unsigned>(latency_class)];
  const auto in_time = [&](uint32_t exit) { return ready <= plan.cycle[exit] + 1 + machine_.branch_penalty; };
  released_.assign(1, static_cast<uint16_t>(op));
  bool may = in_time(graph_.operations() - 1);
  while (!released_.empty() && may) {
    const uint32_t from = released_.back();
    released_.pop_back();
    graph_.for_each_successor(from, [&](uint32_t to, uint32_t latency) {
      if (to >= graph_.operations()) {  // a joint adds no latency of its own
        may &= latency <= 1;
        released_.push_back(static_cast<uint16_t>(to));
        return;
      }
      // Behind a joint the latency is not known any more: 1 is the most that one passes on.
      if (plan.cycle[to] < cycle + (from == op ? latency : 1)) may = false;
      if (isa::info(ops_[to].op).has(isa::kBranch)) may &= in_time(to);
      if (!loads || from != op) return;
      const OpRegs other = registers_of(ops_[to]);
      for (unsigned i = 0; i < other.read_count; ++i) {
        for (unsigned j = 0; j < own.write_count; ++j) may &= other.reads[i] != own.writes[j];
      }
    });
  }
  released_.clear();
  return may;
}

/// Puts `atoms` into one molecule, in slot order. False: they do not fit.
bool Scheduler::pack(std::vector<uint16_t>& atoms) {
  packer_.clear();
  for (const uint16_t at : atoms) {
    const MachOp& op = ops_[at];
    if (!packer_.add(at, isa::info(op.op), op.mode == isa::Mode::Long ? 1 : 0)) return false;
  }
  atoms.clear();
  packer_.for_each([&atoms](uint32_t at) { atoms.push_back(static_cast<uint16_t>(at)); });
  return true;
}

void Scheduler::compact(Schedule& plan) {
  const auto atoms_of = [&plan](size_t m) {
    const size_t end = m + 1 < plan.molecules.size() ? plan.molecules[m + 1] : plan.order.size();
    return std::vector<uint16_t>(plan.order.begin() + plan.molecules[m], plan.order.begin() + static_cast<long>(end));
  };
  const auto cycle_of = [&plan](const std::vector<uint16_t>& atoms) { return plan.cycle[atoms[0]]; };
  const auto move = [&plan](const std::vector<uint16_t>& atoms, uint32_t cycle) {
    for (const uint16_t at : atoms) plan.cycle[at] = cycle;
  };
  // Puts molecules m.. back, `left` of them.
  const auto replace = [&plan](size_t m, size_t gone, std::initializer_list<const std::vector<uint16_t>*> with) {
    size_t place = plan.molecules[m];
    plan.molecules.erase(plan.molecules.begin() + static_cast<long>(m), plan.molecules.begin() + static_cast<long>(m + gone));
    std::vector<uint32_t> begins;
    for (const std::vector<uint16_t>* atoms : with) {
      begins.push_back(static_cast<uint32_t>(place));
      std::copy(atoms->begin(), atoms->end(), plan.order.begin() + static_cast<long>(place));
      place += atoms->size();
    }
    plan.molecules.insert(plan.molecules.begin() + static_cast<long>(m), begins.begin(), begins.end());
  };

  for (size_t m = plan.molecules.size() - 1; m-- > 0;) {
    std::vector<uint16_t> early = atoms_of(m), next = atoms_of(m + 1);
    const uint32_t cycle = cycle_of(next);
    if (cycle - cycle_of(early) < 2) continue;
    if (!std::all_of(early.begin(), early.end(), [&](uint16_t at) { return may_wait(at, cycle, plan); })) continue;
    std::vector<uint16_t> both = next;
    both.insert(both.end(), early.begin(), early.end());
    if (pack(both)) {
      replace(m, 2, {&both});
      move(both, cycle);
      continue;
    }
    // The last exit's commit can make room, if the branch behind it has some.
    if (m + 3 != plan.molecules.size()) continue;
    std::vector<uint16_t> last = atoms_of(m + 2);
    const auto commit = std::find_if(next.begin(), next.end(), [this](uint16_t at) { return isa::info(ops_[at].op).has(isa::kCommit); });
    if (commit == next.end() || !may_wait(*commit, cycle_of(last), plan)) continue;
    const uint32_t end = cycle_of(last);
    last.push_back(*commit);
    next.erase(commit);
    next.insert(next.end(), early.begin(), early.end());
    if (!pack(last) || !pack(next)) continue;
    replace(m, 3, {&next, &last});
    move(next, cycle);
    move(last, end);
  }
}

}  // namespace chrysalis::translator
