// The engine's side of retire and commit records (hw/retire.h). None of it runs unless somebody observes.
#include <algorithm>
#include <cstring>

#include "hw/engine.h"
#include "hw/observation.h"
#include "isa-host/codec.h"

namespace chrysalis::hw {
namespace {

void add_store(RetireRecord& record, const isa::GatedStore& store) {
  MemoryAccess& access = record.accesses[record.access_count++];
  access = {isa::AccessKind::GuestStore, store.size, store.address, {}};
  std::memcpy(access.bytes, store.bytes, store.size);
}

isa::AccessKind kind_of(const DataAccess& access) {
  switch (access.kind) {
    case DataUse::Load: return access.guest ? isa::AccessKind::GuestLoad : isa::AccessKind::ConcealedLoad;
    case DataUse::Store: return isa::AccessKind::ConcealedStore;
    case DataUse::Prefetch: break;
  }
  return isa::AccessKind::ConcealedPrefetch;
}

}  // namespace

void Engine::observe(Observer* observer) {
  observation_.reset();
  if (observer == nullptr) return;
  observation_ = std::make_unique<Observation>();
  observation_->observer = observer;
}

/// Before `molecule` executes: what it is about to write, by its bytes as they are now.
void Engine::observe_start(const Decoded& molecule, Cycle now) {
  Observation& seen = *observation_;
  seen.record.ready = now;
  seen.record.write_count = seen.record.access_count = 0;
  seen.write_count = 0;
  seen.committed = false;
  seen.gated_before = core_.stores.size();
  const uint8_t* bytes = (molecule.flags & kFaulty) != 0 ? nullptr : memory_.ram(molecule.address, molecule.bytes);
  if (bytes == nullptr) return;
  uint32_t words[isa::kMaxWords] = {};
  std::memcpy(words, bytes, molecule.bytes);
  isa::Molecule source;
  if (!isa::decode(words, molecule.bytes / 4, molecule.address, source).ok()) return;
  for (unsigned i = 0; i < source.count; ++i) {
    const isa::RegUse use = isa::reg_use(source.atoms[i]);
    for (unsigned w = 0; w < use.write_count; ++w) seen.writes[seen.write_count++] = static_cast<uint8_t>(use.writes[w]);
  }
}

/// It has executed, and its accesses have not been issued yet.
void Engine::observe_effects() {
  Observation& seen = *observation_;
  for (unsigned i = 0; i < seen.write_count; ++i) {
    const uint8_t reg = seen.writes[i];
    seen.record.writes[i] = {reg, reg < isa::kFpFile ? isa::V128{core_.r[reg], 0} : core_.v[reg - isa::kFpFile]};
  }
  seen.record.write_count = seen.write_count;
  // Stores that its own commit has released are in the record already: they leave the buffer at once.
  MemoryAccess stores[kMaxRetireAccesses];
  const uint32_t own = seen.record.access_count;
  std::copy_n(seen.record.accesses, own, stores);
  seen.record.access_count = 0;
  for (unsigned i = 0; i < bus_.access_count; ++i) {
    const DataAccess& access = bus_.accesses[i];
    seen.record.accesses[seen.record.access_count++] = {kind_of(access), access.size, access.address, {}};
  }
  std::copy_n(stores, own, seen.record.accesses + seen.record.access_count);
  seen.record.access_count += own;
  for (unsigned i = seen.gated_before; i < core_.stores.size(); ++i) add_store(seen.record, core_.stores[i]);
}

/// It has issued in `now`.
void Engine::observe_issue(uint64_t address, Cycle now) {
  Observation& seen = *observation_;
  seen.record.cycle = now;
  seen.record.address = address;
  seen.record.event = {};
  seen.observer->retire(seen.record);
  if (!seen.committed) return;
  seen.commit.cycle = now;
  seen.commit.address = address;
  seen.commit.guest_pc = core_.special_ref(isa::Special::Gpc);
  seen.commit.total_instructions = core_.special_ref(isa::Special::Gcount);
  seen.commit.digest = digest_of(core_.shadow);
  seen.committed = false;
  seen.observer->commit(seen.commit);
}

/// core_.event is raised in `now`, and the handler has not been entered.
void Engine::observe_event(uint64_t address, Cycle now) {
  Observation& seen = *observation_;
  seen.record.ready = seen.record.cycle = now;
  seen.record.address = address;
  seen.record.event = core_.event;
  seen.record.write_count = seen.record.access_count = 0;
  seen.observer->retire(seen.record);
}

/// The molecule commits; its stores are still in the buffer.
void Engine::observe_commit(unsigned guest_instructions) {
  Observation& seen = *observation_;
  seen.committed = true;
  seen.commit.guest_instructions = guest_instructions;
  seen.commit.store_count = core_.stores.size();
  seen.commit.stores = seen.released;
  for (unsigned i = 0; i < core_.stores.size(); ++i) {
    seen.released[i] = core_.stores[i];
    if (i >= seen.gated_before) add_store(seen.record, core_.stores[i]);
  }
}

}  // namespace chrysalis::hw
