// Where accesses, exits and commits are: the order that the outside can notice.
#include "isa-host/assembler.h"
#include "translator/check/checker.h"
#include "translator/ir/text.h"
#include "translator/order.h"

namespace chrysalis::translator::checking {

std::string Checker::describe(uint32_t index) const { return "`" + ir::text(inst(index)) + "`"; }
std::string Checker::describe(const Access& access) const { return describe(access.inst); }

/// False only if the two certainly touch different bytes.
bool Checker::overlap(const Access& a, const Access& b) const {
  if (a.guest != b.guest) return false;  // concealed memory is out of the guest's reach
  if (a.address.base != b.address.base) {
    const auto is_stack = [&](const Access& x) { return has_stack_ && x.address.base == stack_; };
    const auto is_absolute = [&](const Access& x) { return x.address.base == terms_.zero(); };
    return !((is_stack(a) && is_absolute(b)) || (is_stack(b) && is_absolute(a)));
  }
  uint64_t ahead = static_cast<uint64_t>(b.address.offset) - static_cast<uint64_t>(a.address.offset);
  uint64_t behind = 0 - ahead;
  if (a.guest) {
    ahead &= 0xffff'ffff;
    behind &= 0xffff'ffff;
  }
  return ahead < a.size || behind < b.size;
}

const Checker::Access* Checker::access_of(uint32_t index) const {
  for (const Access& access : accesses_) {
    if (access.inst == index) return &access;
  }
  return nullptr;
}

const Checker::Access* Checker::holder(unsigned entry, uint32_t m) const {
  const Access* out = nullptr;
  for (const Access& access : accesses_) {
    if (access.entry != entry || access.molecule > m) continue;  // what is never made is beyond every molecule
    if (out == nullptr || access.molecule > out->molecule) out = &access;
  }
  return out;
}

void Checker::check_order() {
  for (size_t i = 0; i < accesses_.size(); ++i) {
    if (accesses_[i].molecule == kNever) continue;
    for (size_t j = i + 1; j < accesses_.size(); ++j) {
      if (accesses_[j].molecule != kNever) check_pair(accesses_[i], accesses_[j]);
    }
    for (const Event& event : events_) {
      if (event.molecule != kNever) check_event(accesses_[i], event);
    }
  }
  for (uint32_t i = 0; i < region_.code.insts.size(); ++i) {
    if (inst(i).op == ir::Op::Keep) check_keep(i);
  }
  check_masks();
  check_buffer();
  check_uncounts();
  if (region_.precise) check_precise();
}

/// `earlier` comes first in the region.
void Checker::check_pair(const Access& earlier, const Access& later) {
  if (!region_.faults_roll_back && (earlier.guest || later.guest) && (earlier.guest || earlier.is_store()) && (later.guest || later.is_store())) {
    // A fault abandons what comes after it, and only that.
    if (later.molecule <= earlier.molecule) {
      report(Rule::Fault, later, describe(later) + " is made with or before " + describe(earlier));
    }
    return;
  }
  const bool first_stores = earlier.is_store(), second_stores = later.is_store();
  if (!first_stores && !second_stores) return;
  if ((!first_stores && !earlier.wanted) || (!second_stores && !later.wanted)) return;  // there for its faults alone
  if (!overlap(earlier, later)) return;
  if (first_stores && second_stores) {
    const bool kept = earlier.molecule < later.molecule || (earlier.molecule == later.molecule && earlier.atom < later.atom);
    if (!kept) report(Rule::Order, later, "the store " + describe(later) + " is made before " + describe(earlier));
  } else if (second_stores) {
    if (later.molecule < earlier.molecule) report(Rule::Order, later, "the store " + describe(later) + " is made before the load " + describe(earlier));
  } else if (later.molecule <= earlier.molecule) {
    check_passing(earlier, later);
  }
}

/// `load` is made with or before `store`, which comes before it in the region.
void Checker::check_passing(const Access& store, const Access& load) {
  const std::string what = "the load " + describe(load) + " passes the store " + describe(store);
  if (!region_.faults_roll_back || !load.guest) return report(Rule::Order, load, what);
  if (((load.order | store.order) & kWithAll) != 0) return report(Rule::Order, load, what + ", though one of them is to be kept in order");
  if ((load.order & store.order) != 0) return report(Rule::Order, load, what + ", though they are to be kept in order");
  if (load.entry == 0xff) return report(Rule::Order, load, what + " without protection");
  if (!(store.mask >> load.entry & 1)) {
    return report(Rule::Alias, store, what + ", which does not check entry " + std::to_string(load.entry));
  }
  const Access* const watched = holder(load.entry, store.molecule);
  if (watched != &load) {
    report(Rule::Alias, store, what + ", which finds entry " + std::to_string(load.entry) + " used again by " + describe(*watched));
  }
}

/// Every store between the load and the operation that keeps it is checked against the load.
void Checker::check_keep(uint32_t keep) {
  const ir::ValueId kept = inst(keep).src[0];
  const Access* load = nullptr;
  for (const Access& access : accesses_) {
    if (access.kind == Access::Kind::Load && inst(access.inst).value == kept) load = &access;
  }
  if (load == nullptr || load->molecule == kNever) return;
  for (const Access& store : accesses_) {
    if (!store.is_store() || store.inst < load->inst || store.inst > keep || store.molecule == kNever || !overlap(*load, store)) continue;
    const std::string what = describe(*load) + " stands for a load behind the store " + describe(store);
    if (load->entry == 0xff) return report(Rule::Alias, *load, what + " without protection");
    if (!(store.mask >> load->entry & 1)) {
      report(Rule::Alias, store, what + ", which does not check entry " + std::to_string(load->entry));
      continue;
    }
    const Access* const watched = holder(load->entry, store.molecule);
    if (watched != load) report(Rule::Alias, store, what + ", which finds entry " + std::to_string(load->entry) + " used again");
  }
}

void Checker::check_masks() {
  for (const Access& access : accesses_) {
    if (access.molecule == kNever) continue;
    if (access.entry != 0xff && access.entry >= machine_.alias_entries) report(Rule::Alias, access, "the machine has no such alias entry");
    for (unsigned entry = 0; entry < 8; ++entry) {
      if (!(access.mask >> entry & 1)) continue;
      const Access* const watched = holder(entry, access.molecule);
      if (watched == nullptr) {
        report(Rule::Check, access, "the store checks entry " + std::to_string(entry) + ", which the region has not filled by then");
        continue;
      }
      bool needed = access.inst < watched->inst;  // it was passed
      for (uint32_t i = access.inst; i < region_.code.insts.size() && !needed; ++i) {
        needed = inst(i).op == ir::Op::Keep && inst(i).src[0] == inst(watched->inst).value;
      }
      if (!needed) report(Rule::Check, access, "the store checks the entry of " + describe(*watched) + " without need");
    }
  }
}

/// An access and what leaves the region, commits, or acts on the machine's state.
void Checker::check_event(const Access& access, const Event& event) {
  const ir::Inst& what = inst(event.inst);
  const bool exit = ir::is_exit(what) && what.op != ir::Op::Intrinsic;
  const bool commit = is_point(what) && what.op == ir::Op::Intrinsic && !ir::is_exit(what);
  const bool before = access.inst < event.inst;
  const std::string other = describe(event.inst);
  if (!exit && !commit) {
    if (before ? access.molecule >= event.molecule : access.molecule <= event.molecule) {
      report(Rule::Visible, access, describe(access) + " is not made on its side of " + other);
    }
    return;
  }
  // Where a trap rolls back, it takes back stores on either side of it, and interpretation meets first whatever comes first.
  if (access.guest && (before || access.is_store()) && what.op == ir::Op::TrapIf && region_.faults_roll_back) return;
  if (access.is_store()) {
    if (before && access.molecule > event.molecule) report(Rule::Visible, access, "the store " + describe(access) + " is made behind " + other);
    if (!before && access.molecule <= event.molecule) report(Rule::Visible, access, "the store " + describe(access) + " is made above " + other);
    return;
  }
  if (before) {
    if (access.may_fault() && access.molecule > event.molecule) {
      report(Rule::Fault, access, describe(access) + ", which may fault, is made behind " + other);
    }
    return;
  }
  if (access.molecule > event.molecule) return;
  if (access.guest) {
    if (!region_.faults_roll_back) report(Rule::Speculation, access, describe(access) + " is made above " + other + ", though faults do not roll back");
    else if ((access.order & kWithAll) != 0) report(Rule::Speculation, access, describe(access) + " is made above " + other + ", though it is to be kept in order");
  } else if (exit && !is_safe(access, event)) {
    report(Rule::Speculation, access, describe(access) + " is made above " + other + ", and nothing says that its address can be read there");
  }
}

/// A concealed load may be made above an exit if the program touches something near it through the same base in any case, or
/// if the base is known to be readable, or if it is an absolute address.
bool Checker::is_safe(const Access& load, const Event& exit) const {
  constexpr int64_t kNear = 4096;
  const auto is_near = [](const Access& access) { return access.address.offset > -kNear && access.address.offset < kNear; };
  if (load.address.base == terms_.zero()) return load.address.offset >= 0 && load.address.offset <= INT32_MAX;
  if (!is_near(load)) return false;
  for (const Binding& binding : region_.entry) {
    if ((region_.readable >> binding.reg & 1) && values_[binding.value] == load.address.base) return true;
  }
  for (const Access& other : accesses_) {
    if (!other.guest && other.inst < exit.inst && other.address.base == load.address.base && is_near(other)) return true;
  }
  return false;
}

/// Orders that need no hardware (docs: Smith and Nair): registers are written in any order, but at an access the last commit is
/// the instruction's own beginning, so that its map is the checkpoint; and memory is not reordered.
void Checker::check_precise() {
  uint64_t completed = region_.committed;
  size_t next = 0;
  for (uint32_t i = 0; i < region_.code.insts.size(); ++i) {
    const ir::Inst& op = inst(i);
    while (next < events_.size() && events_[next].inst < i) ++next;
    if (op.op == ir::Op::Intrinsic && op.imm == static_cast<int64_t>(ir::IntrinsicId::Commit)) {
      completed += terms_.constant_of(value(op.src[0]));
      continue;
    }
    if ((ir::effects(op) & ir::kMayFault) == 0 || op.guest - uint64_t{region_.skipped} == completed) continue;
    const Access* const access = access_of(i);
    const uint32_t at = access != nullptr ? access->molecule : next < events_.size() ? events_[next].molecule : Finding::kNone;
    findings_.push_back({Rule::Precise, at, access != nullptr ? access->atom : Finding::kNone,
                         describe(i) + " of guest instruction " + std::to_string(op.guest) + " may fault, and the last commit completes only " + std::to_string(completed)});
  }
  for (size_t i = 0; i < accesses_.size(); ++i) {
    for (size_t j = i + 1; j < accesses_.size(); ++j) {
      const Access &earlier = accesses_[i], &later = accesses_[j];
      if (!earlier.guest || !later.guest || earlier.molecule == kNever || later.molecule == kNever) continue;
      if ((!earlier.is_store() && !later.is_store()) || !earlier.wanted || !later.wanted) continue;
      if (later.molecule < earlier.molecule) report(Rule::Precise, later, describe(later) + " is made before " + describe(earlier));
    }
  }
}

/// A commit counts less what the program has before it, and has not had before an earlier one; so does that of each exit.
void Checker::check_uncounts() {
  for (const Uncount& uncount : uncounts_) {
    if (uncount.molecule == kNever) {
      findings_.push_back({Rule::Once, Finding::kNone, Finding::kNone, describe(uncount.inst) + " is never executed"});
      continue;
    }
    for (const Event& event : events_) {
      const ir::Inst& op = inst(event.inst);
      if (event.molecule == kNever || event.point < 0 || op.op == ir::Op::TrapIf || op.op == ir::Op::Trap) continue;
      const bool before = uncount.inst < event.inst;
      if (before ? uncount.molecule <= event.molecule : uncount.molecule > event.molecule) continue;
      findings_.push_back({Rule::Visible, uncount.molecule, uncount.atom, describe(uncount.inst) + " is not executed on its side of " + describe(event.inst)});
    }
  }
}

/// Guest stores that wait for a commit where path `path` begins.
unsigned Checker::stores_before(size_t path) const {
  for (size_t p = 0; p < path; ++p) {
    const Region& parent = tree_[p];
    unsigned stores = 0;
    bool committed = false;
    size_t point = 0;
    for (const ir::Inst& op : parent.code.insts) {
      stores += (ir::effects(op) & (ir::kStore | ir::kGuest)) == (ir::kStore | ir::kGuest) && op.op != ir::Op::ProbeWrite;
      if (!is_point(op)) continue;
      if (parent.maps[point++].path == path) return stores + (committed ? 0 : stores_before(p));
      if (ir::is_exit(op)) continue;
      committed = true;
      stores = 0;
    }
  }
  return 0;
}

void Checker::check_buffer() {
  if (!region_.faults_roll_back || machine_.store_buffer_entries == 0) return;
  uint32_t from = 0;
  unsigned stores = stores_before(path_);
  const auto count = [&](uint32_t until, uint32_t at) {
    for (const Access& access : accesses_) stores += access.is_store() && access.guest && access.inst >= from && access.inst < until;
    if (stores > machine_.store_buffer_entries) {
      findings_.push_back({Rule::Buffer, at, Finding::kNone, std::to_string(stores) + " guest stores without a commit"});
    }
    from = until;
    stores = 0;
  };
  for (const Event& event : events_) {
    const bool final = event.inst + 1 == region_.code.insts.size();
    if (final || (is_point(inst(event.inst)) && !ir::is_exit(inst(event.inst)))) count(event.inst, event.molecule == kNever ? Finding::kNone : event.molecule);
  }
}

}  // namespace chrysalis::translator::checking
