#include "translator/schedule.h"

#include <algorithm>

#include "translator/assert.h"

namespace chrysalis::translator {
namespace {

constexpr uint32_t kNothing = 0xffffffff;

}  // namespace

void Scheduler::run(std::span<MachOp> ops, std::span<const VirtualRegister> virtuals, const PointReads& points,
                    const ScheduleOptions& options, Schedule& out) {
  ops_ = ops;
  virtuals_ = virtuals;
  points_ = &points;
  options_ = options;
  DependenceOptions dependences;
  dependences.accesses_in_order = options.accesses_in_order;
  dependences.passing = options.alias_entries > 0;
  dependences.stack = options.stack;
  dependences.in_order = options.in_order;
  dependences.homecomings = options.homecomings;
  begin_stage(options.clock, Stage::Dependence);
  graph_.build(ops, points, machine_, dependences);
  begin_stage(options.clock, Stage::Schedule);
  measure_heights();
  rank_operations();
  if (counts_registers()) count_uses();
  reset(out);
  issue_all(out);
  for (uint32_t at = 0; at < graph_.operations(); ++at) out.latest[at] = out.cycles - 1 - std::min(height_[at], out.cycles - 1);
  apply_passes();
}

void Scheduler::pack_in_order(std::span<const MachOp> ops, const PointReads* points, Schedule& out) {
  const uint32_t count = static_cast<uint32_t>(ops.size());
  out.sequence.clear();
  out.order.clear();
  out.molecules.clear();
  out.latest.clear();
  out.cycle.assign(count, 0);
  out.passing_loads = 0;
  uint32_t cycle = 0;
  uint16_t planned = 0;  // the first scheduling's cycle of the molecule at hand
  // Registers that the molecule at hand writes, or that exits in it read at its end; those that somebody waits for.
  uint64_t written[2] = {}, kept[2] = {}, outstanding[2] = {};
  const auto close = [&] {
    out.molecules.push_back(static_cast<uint32_t>(out.order.size()));
    packer_.for_each([&](uint32_t at) {
      out.order.push_back(static_cast<uint16_t>(at));
      out.cycle[at] = cycle;
      const unsigned latency = machine_.latency[static_cast<unsigned>(isa::info(ops[at].op).latency)];
      if (latency <= 1) return;
      if (uint32_t* const unit = iterative_unit(isa::info(ops[at].op))) *unit = cycle + latency;
      const OpRegs regs = registers_of(ops[at]);
      for (unsigned i = 0; i < regs.write_count; ++i) available_[regs.writes[i]] = cycle + latency;
    });
    packer_.clear();
    written[0] = written[1] = kept[0] = kept[1] = 0;
    ++cycle;
  };
  packer_.clear();
  std::fill(std::begin(unit_free_), std::end(unit_free_), 0u);
  for (uint32_t at = 0; at < count; ++at) {
    const MachOp& op = ops[at];
    const isa::AtomInfo& row = isa::info(op.op);
    const unsigned literals = op.mode == isa::Mode::Long ? 1 : 0;
    const OpRegs regs = registers_of(op);
    const bool was_planned = op.latest != MachOp::kUnplanned;
    bool waits = was_planned && op.cycle != planned;
    if (was_planned) planned = op.cycle;
    for (unsigned i = 0; i < regs.read_count; ++i) waits |= (written[regs.reads[i] >> 6] >> (regs.reads[i] & 63) & 1) != 0;
    for (unsigned i = 0; i < regs.write_count; ++i) {
      waits |= ((written[regs.writes[i] >> 6] | kept[regs.writes[i] >> 6]) >> (regs.writes[i] & 63) & 1) != 0;
    }
    if (waits && !packer_.empty()) close();
    if (!packer_.add(at, row, literals)) {
      close();
      const bool fits = packer_.add(at, row, literals);
      CHRYSALIS_ASSERT(fits, at);
    }
    if (const uint32_t* const unit = iterative_unit(row)) cycle = std::max(cycle, *unit);
    for (unsigned i = 0; i < regs.read_count; ++i) {
      const Reg reg = regs.reads[i];
      if (outstanding[reg >> 6] >> (reg & 63) & 1) cycle = std::max(cycle, available_[reg]);
    }
    const unsigned latency = machine_.latency[static_cast<unsigned>(row.latency)];
    for (unsigned i = 0; i < regs.write_count; ++i) {
      const Reg reg = regs.writes[i];
      const uint64_t bit = uint64_t{1} << (reg & 63);
      if ((outstanding[reg >> 6] & bit) != 0) cycle = std::max(cycle, available_[reg]);
      written[reg >> 6] |= bit;
      if (latency > 1) outstanding[reg >> 6] |= bit;
      else outstanding[reg >> 6] &= ~bit;
    }
    if (points != nullptr && op.point >= 0) {
      for (const Reg reg : points->at(op.point)) kept[reg >> 6] |= uint64_t{1} << (reg & 63);
    }
    out.sequence.push_back(static_cast<uint16_t>(at));
  }
  close();
  out.cycles = cycle;
}

// -- priorities --------------------------------------------------------------------------------------------------

void Scheduler::measure_heights() {
  height_.assign(graph_.nodes(), 0);
  const std::vector<uint16_t>& order = graph_.topological();
  for (size_t i = order.size(); i-- > 0;) {
    uint32_t height = 0;
    graph_.for_each_successor(order[i], [&](uint32_t to, uint32_t latency) { height = std::max(height, height_[to] + latency); });
    height_[order[i]] = height;
  }
}

/// By height, then program order.
void Scheduler::rank_operations() {
  const uint32_t count = graph_.operations();
  uint32_t highest = 0;
  for (uint32_t at = 0; at < count; ++at) highest = std::max(highest, height_[at]);
  next_due_.assign(highest + 2, 0);  // how many are higher
  for (uint32_t at = 0; at < count; ++at) ++next_due_[highest - height_[at] + 1];
  for (uint32_t i = 1; i < next_due_.size(); ++i) next_due_[i] = static_cast<uint16_t>(next_due_[i] + next_due_[i - 1]);
  rank_.resize(count);
  by_rank_.resize(count);
  for (uint32_t at = 0; at < count; ++at) {
    const uint16_t rank = next_due_[highest - height_[at]]++;
    rank_[at] = rank;
    by_rank_[rank] = static_cast<uint16_t>(at);
  }
}

// -- cycle by cycle ------------------------------------------------------------------------------------------------

void Scheduler::reset(Schedule& out) {
  const uint32_t count = graph_.operations();
  predecessors_ = graph_.predecessors();
  if (count > 1) ++predecessors_[count - 1];  // everything else comes before the last operation
  earliest_.assign(graph_.nodes(), 0);
  ready_.assign((count + 63) / 64, 0);
  next_due_.assign(count, 0);
  done_.assign(count, 0);
  std::fill(std::begin(due_), std::end(due_), uint16_t{0});
  std::fill(std::begin(unit_free_), std::end(unit_free_), 0u);
  waiting_ = oldest_ = 0;
  left_ = count;
  lowest_ready_ = kNothing;

  const size_t stores = graph_.passed_stores().size();
  pending_stores_.assign((stores + 63) / 64, 0);
  for (size_t i = 0; i < stores; ++i) pending_stores_[i / 64] |= uint64_t{1} << i % 64;
  entry_.assign(count, kNoEntry);
  mask_.assign(count, 0);
  for (DependenceGraph::Passable& watched : watched_) watched = {};
  if (counts_registers()) {
    uses_left_ = uses_;
    alive_ = alive_at_entry_;
  }

  out.sequence.clear();
  out.order.clear();
  out.molecules.clear();
  out.cycle.assign(count, 0);
  out.latest.resize(count);
  out.cycles = out.passing_loads = 0;
  for (const uint16_t node : graph_.topological()) {
    if (predecessors_[node] != 0) continue;
    if (node < count) make_ready(node);
  }
}

void Scheduler::make_ready(uint32_t at) {
  const uint32_t rank = rank_[at];
  ready_[rank / 64] |= uint64_t{1} << rank % 64;
  lowest_ready_ = std::min(lowest_ready_, rank);
}

void Scheduler::issue_all(Schedule& out) {
  for (uint32_t cycle = 0; left_ != 0; ++cycle) {
    wake(cycle);
    packer_.clear();
    fill(cycle);
    if (!packer_.empty()) close_molecule(cycle, out);
    // Only an atom that no slot of the machine offers, or a cycle in the graph, leaves nothing to wait for.
    else CHRYSALIS_ASSERT(waiting_ != 0 || unit_free_[0] > cycle || unit_free_[1] > cycle, left_);
  }
}

void Scheduler::wake(uint32_t cycle) {
  uint16_t& head = due_[cycle % kRing];
  for (; head != 0; --waiting_) {
    const uint32_t at = head - 1u;
    head = next_due_[at];
    make_ready(at);
  }
}

/// Fills the molecule at hand with ready operations by priority. Placing one can make others ready for the same molecule.
void Scheduler::fill(uint32_t cycle) {
  uint32_t word = 0;
  uint64_t mask = ~uint64_t{0};
  while (word < ready_.size() && !packer_.full()) {
    const uint64_t bits = ready_[word] & mask;
    if (bits == 0) {
      ++word;
      mask = ~uint64_t{0};
      continue;
    }
    const auto bit = static_cast<uint32_t>(__builtin_ctzll(bits));
    const uint32_t rank = word * 64 + bit;
    lowest_ready_ = rank + 1;
    if (try_issue(by_rank_[rank], cycle)) ready_[word] &= ~(uint64_t{1} << bit);
    word = lowest_ready_ / 64;
    mask = ~uint64_t{0} << lowest_ready_ % 64;
  }
  lowest_ready_ = kNothing;
}

/// When the iterative unit that the atom needs is free, if it needs one.
uint32_t* Scheduler::iterative_unit(const isa::AtomInfo& row) {
  if (row.latency == isa::Latency::Div) return &unit_free_[0];
  return row.latency == isa::Latency::FpDiv || row.latency == isa::Latency::FpSqrt ? &unit_free_[1] : nullptr;
}

bool Scheduler::try_issue(uint32_t at, uint32_t cycle) {
  const MachOp& op = ops_[at];
  const isa::AtomInfo& row = isa::info(op.op);
  uint32_t* const unit = iterative_unit(row);
  if (unit != nullptr && *unit > cycle) return false;
  if (counts_registers() && at != oldest_ && exceeds_registers(op)) return false;

  unsigned literals = op.mode == isa::Mode::Long ? 1 : 0;
  const DependenceGraph::Passable* passable = graph_.passable(at);
  Passing passing{};
  bool passes = false;
  // A load that has its entry already may not take it from stores that still have to check it for another.
  if (row.has(isa::kProtect) && !is_free(op.alias)) return false;
  if (passable != nullptr) {
    passes = (pending(*passable, 0) | pending(*passable, 1)) != 0;
    if (passes && (!may_pass(at, *passable, passing) || !packer_.has_words(1, literals + passing.literals))) return false;
  } else if (mask_[at] != 0 && check_needs_literal(op)) {
    literals = 1;
  }
  if (!packer_.add(at, row, literals)) return false;
  if (passes) pass(at, *passable, passing);
  if (unit != nullptr) *unit = cycle + machine_.latency[static_cast<unsigned>(row.latency)];
  issue(at, cycle);
  return true;
}

void Scheduler::issue(uint32_t at, uint32_t cycle) {
  molecule_.push_back(static_cast<uint16_t>(at));
  done_[at] = 1;
  --left_;
  while (oldest_ < done_.size() && done_[oldest_]) ++oldest_;
  if (counts_registers()) count_registers(ops_[at]);
  release(at, cycle);
  const uint32_t last = graph_.operations() - 1;
  if (left_ == 1 && --predecessors_[last] == 0) {
    earliest_[last] = std::max(earliest_[last], cycle);
    become_ready(last, cycle);
  }
}

void Scheduler::become_ready(uint32_t at, uint32_t cycle) {
  if (earliest_[at] <= cycle) return make_ready(at);
  uint16_t& head = due_[earliest_[at] % kRing];
  next_due_[at] = head;
  head = static_cast<uint16_t>(at + 1);
  ++waiting_;
}

/// Tells those who wait for `node`, which was issued in `cycle`.
void Scheduler::release(uint32_t node, uint32_t cycle) {
  earliest_[node] = cycle;
  released_.push_back(static_cast<uint16_t>(node));
  while (!released_.empty()) {
    const uint32_t from = released_.back();
    released_.pop_back();
    const uint32_t start = earliest_[from];
    graph_.for_each_successor(from, [&](uint32_t to, uint32_t latency) {
      earliest_[to] = std::max(earliest_[to], start + latency);
      if (--predecessors_[to] != 0) return;
      if (to < graph_.operations()) become_ready(to, cycle);
      else released_.push_back(static_cast<uint16_t>(to));
    });
  }
}

void Scheduler::close_molecule(uint32_t cycle, Schedule& out) {
  out.molecules.push_back(static_cast<uint32_t>(out.order.size()));
  packer_.for_each([&out](uint32_t at) { out.order.push_back(static_cast<uint16_t>(at)); });
  // One at a time, a load that passed stores of its own molecule comes before them.
  for (const uint16_t at : molecule_) {
    out.cycle[at] = cycle;
    if (entry_[at] == kNoEntry) continue;
    out.sequence.push_back(at);
    ++out.passing_loads;
  }
  for (const uint16_t at : molecule_) {
    if (entry_[at] == kNoEntry) out.sequence.push_back(at);
    const uint32_t number = graph_.store_number(at);
    if (number != DependenceGraph::kNone) pending_stores_[number / 64] &= ~(uint64_t{1} << number % 64);
  }
  molecule_.clear();
  out.cycles = cycle + 1;
}

// -- loads that pass stores ------------------------------------------------------------------------------------------

/// Whether the load can pass the stores that are still to come. An entry can be filled anew once every store that checks
/// it lies in an earlier molecule: within a molecule loads act first.
bool Scheduler::may_pass(uint32_t at, const DependenceGraph::Passable& passable, Passing& out) const {
  if (isa::info(ops_[at].op).has(isa::kProtect)) {
    out.entry = ops_[at].alias;
  } else {
    out.entry = options_.first_alias_entry;
    while (out.entry < options_.alias_entries && !is_free(out.entry)) ++out.entry;
    if (out.entry >= options_.alias_entries) return false;
  }
  for (unsigned half = 0; half < 2; ++half) out.stores[half] = pending(passable, half);
  for (const uint16_t other : molecule_) {
    const uint32_t number = graph_.store_number(other);
    if (number == DependenceGraph::kNone || number / 64 - passable.word > 1u) continue;
    const bool passed = (out.stores[number / 64 - passable.word] >> number % 64 & 1) != 0;
    if (passed && mask_[other] == 0 && check_needs_literal(ops_[other])) ++out.literals;
  }
  return true;
}

void Scheduler::pass(uint32_t at, const DependenceGraph::Passable& passable, const Passing& passing) {
  packer_.add_literals(passing.literals);
  entry_[at] = static_cast<uint8_t>(passing.entry);
  watched_[passing.entry] = {passable.load, passable.word, {passing.stores[0], passing.stores[1]}};
  for (unsigned half = 0; half < 2; ++half) {
    for (uint64_t bits = passing.stores[half]; bits != 0; bits &= bits - 1) {
      const size_t number = (passable.word + size_t{half}) * 64 + static_cast<size_t>(__builtin_ctzll(bits));
      uint8_t& mask = mask_[graph_.passed_stores()[number]];
      mask = static_cast<uint8_t>(mask | 1u << passing.entry);
    }
  }
}

void Scheduler::apply_passes() {
  for (const DependenceGraph::Passable& passable : graph_.passables()) {
    if (entry_[passable.load] != kNoEntry) protect(ops_[passable.load], entry_[passable.load]);
  }
  for (const uint16_t store : graph_.passed_stores()) {
    if (mask_[store] != 0) check(ops_[store], mask_[store]);
  }
}

// -- registers ---------------------------------------------------------------------------------------------------------

template <class Visit>
void Scheduler::for_each_read(const MachOp& op, const OpRegs& regs, Visit visit) const {
  for (unsigned i = 0; i < regs.read_count; ++i) {
    if (is_virtual(regs.reads[i])) visit(regs.reads[i] - uint32_t{kFirstVirtual});
  }
  if (op.point < 0) return;
  for (const Reg reg : points_->at(op.point)) {
    if (is_virtual(reg)) visit(reg - uint32_t{kFirstVirtual});
  }
}

void Scheduler::count_uses() {
  uses_.assign(virtuals_.size(), 0);
  alive_at_entry_.assign(virtuals_.size(), 1);
  live_ = live_flags_ = 0;
  for (const MachOp& op : ops_) {
    const OpRegs regs = registers_of(op);
    for_each_read(op, regs, [this](uint32_t v) { ++uses_[v]; });
    for (unsigned i = 0; i < regs.write_count; ++i) {
      if (is_virtual(regs.writes[i])) alive_at_entry_[regs.writes[i] - kFirstVirtual] = 0;
    }
  }
  for (size_t v = 0; v < virtuals_.size(); ++v) {
    if (uses_[v] == 0) alive_at_entry_[v] = 0;
    if (alive_at_entry_[v]) ++(virtuals_[v].flags_class ? live_flags_ : live_);
  }
}

/// Whether issuing `op` now would exceed a limit.
bool Scheduler::exceeds_registers(const MachOp& op) const {
  if (live_ < options_.pressure_limit && live_flags_ < options_.flags_limit) return false;
  int change = 0, flags_change = 0;
  const OpRegs regs = registers_of(op);
  for_each_read(op, regs, [&](uint32_t v) {
    if (uses_left_[v] == 1 && alive_[v]) --(virtuals_[v].flags_class ? flags_change : change);
  });
  for (unsigned i = 0; i < regs.write_count; ++i) {
    if (!is_virtual(regs.writes[i]) || alive_[regs.writes[i] - kFirstVirtual]) continue;
    ++(virtuals_[regs.writes[i] - kFirstVirtual].flags_class ? flags_change : change);
  }
  return (change > 0 && live_ >= options_.pressure_limit) || (flags_change > 0 && live_flags_ >= options_.flags_limit);
}

void Scheduler::count_registers(const MachOp& op) {
  const OpRegs regs = registers_of(op);
  for_each_read(op, regs, [this](uint32_t v) {
    if (uses_left_[v] == 0 || --uses_left_[v] != 0 || !alive_[v]) return;
    alive_[v] = 0;
    --(virtuals_[v].flags_class ? live_flags_ : live_);
  });
  for (unsigned i = 0; i < regs.write_count; ++i) {
    if (!is_virtual(regs.writes[i])) continue;
    const uint32_t v = regs.writes[i] - uint32_t{kFirstVirtual};
    if (uses_left_[v] == 0 || alive_[v]) continue;
    alive_[v] = 1;
    ++(virtuals_[v].flags_class ? live_flags_ : live_);
  }
}

}  // namespace chrysalis::translator
