#include "isa-host/semantics.h"

namespace chrysalis::isa {
namespace {

/// Order within a molecule of what is visible outside the registers.
enum Rank : uint8_t { kRankLoad, kRankGuestStore, kRankConcealedStore, kRankOther, kRankLast };

Rank rank(const AtomInfo& row) {
  if (row.has(kCommit | kRollback | kSerializing)) return kRankLast;
  if (!row.has(kMayFault)) return kRankOther;
  if (!row.has(kStore)) return kRankLoad;
  return row.has(kGuest) ? kRankGuestStore : kRankConcealedStore;
}

struct Analysis {
  RegUse use[kMaxWords];
  Rank rank[kMaxWords] = {};
  const AtomInfo* row[kMaxWords] = {};
  unsigned count = 0;

  /// Whether `first` must execute before `second` when results are written at once.
  bool must_precede(unsigned first, unsigned second) const {
    if (rank[first] != rank[second] && (rank[first] < kRankOther || rank[second] == kRankLast)) return rank[first] < rank[second];
    if (reads_result_of(first, second)) return true;
    if (first > second) return false;
    if (rank[first] == rank[second] && rank[first] < kRankOther) return true;  // the first atom's event is the molecule's
    // FSR's conditions are the last atom's, and the return stack is ordered.
    return (row[first]->has(kFp) && row[second]->has(kFp)) || (row[first]->unit == Unit::Branch && row[second]->unit == Unit::Branch);
  }
  bool reads_result_of(unsigned reader, unsigned writer) const {
    for (unsigned i = 0; i < use[reader].read_count; ++i)
      for (unsigned j = 0; j < use[writer].write_count; ++j)
        if (use[reader].reads[i] == use[writer].writes[j]) return true;
    return false;
  }
};

/// An order in which no atom reads what an earlier one wrote. False if there is none.
bool direct_order(const Analysis& analysis, uint8_t (&order)[kMaxWords]) {
  unsigned left = (1u << analysis.count) - 1;
  for (unsigned at = 0; at < analysis.count; ++at) {
    unsigned chosen = kMaxWords;
    for (unsigned i = 0; i < analysis.count && chosen == kMaxWords; ++i) {
      if ((left >> i & 1) == 0) continue;
      bool free = true;
      for (unsigned j = 0; j < analysis.count && free; ++j)
        free = j == i || (left >> j & 1) == 0 || (!analysis.must_precede(j, i) && !analysis.reads_result_of(j, i));
      if (free) chosen = i;
    }
    if (chosen == kMaxWords) return false;
    order[at] = static_cast<uint8_t>(chosen);
    left &= ~(1u << chosen);
  }
  return true;
}

}  // namespace

Plan prepare(const Molecule& molecule) {
  Plan plan;
  Analysis analysis;
  analysis.count = plan.count = molecule.count;
  unsigned faulting = 0;
  for (unsigned i = 0; i < molecule.count; ++i) {
    const AtomInfo& row = info(molecule.atoms[i].op);
    analysis.use[i] = reg_use(molecule.atoms[i]);
    analysis.rank[i] = rank(row);
    analysis.row[i] = &row;
    faulting += row.has(kMayFault) ? 1 : 0;
    plan.acts_last |= analysis.rank[i] == kRankLast;
  }
  uint8_t order[kMaxWords] = {};
  plan.ordered = direct_order(analysis, order);
  plan.direct = plan.ordered && faulting <= 1;
  if (!plan.ordered && faulting == 1) {
    for (unsigned i = 0; i < molecule.count; ++i) {
      RegUse& use = analysis.use[i];
      if (analysis.rank[i] != kRankLoad || use.write_count != 1 || use.writes[0] >= kFpFile) continue;
      use.write_count = 0;
      plan.late_load = direct_order(analysis, order);
      use.write_count = 1;
    }
  }
  if (!plan.ordered && !plan.late_load) {
    unsigned at = 0;
    for (unsigned r = kRankLoad; r <= kRankLast; ++r)
      for (unsigned i = 0; i < molecule.count; ++i)
        if (analysis.rank[i] == r) order[at++] = static_cast<uint8_t>(i);
  }
  plan.faulting = static_cast<uint8_t>(faulting);
  for (unsigned i = 0; i < molecule.count; ++i) {
    Atom& atom = plan.atoms[i];
    atom = molecule.atoms[order[i]];
    plan.source[i] = order[i];
    const AtomInfo& row = info(atom.op);
    if (row.uses(kWritesRd) && !row.uses(kReadsRd) && atom.rd == kZero) atom.rd = kDiscard;
    if (row.uses(kTarget)) atom.imm += static_cast<int64_t>(molecule.address);
    plan.polls |= atom.op == Op::Platform;
    plan.protects |= row.has(kProtect);
    const RegUse& use = analysis.use[order[i]];
    plan.write_count[i] = use.write_count;
    for (unsigned w = 0; w < use.write_count; ++w) plan.writes[i][w] = use.writes[w];
  }
  return plan;
}

}  // namespace chrysalis::isa
