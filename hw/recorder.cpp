#include "hw/recorder.h"

#include <algorithm>
#include <cstring>

namespace chrysalis::hw {
namespace {

isa::AccessKind kind_of(const DataAccess& access) {
  switch (access.kind) {
    case DataUse::Load: return access.guest ? isa::AccessKind::GuestLoad : isa::AccessKind::ConcealedLoad;
    case DataUse::Store: return isa::AccessKind::ConcealedStore;
    case DataUse::Prefetch: break;
  }
  return access.guest ? isa::AccessKind::GuestPrefetch : isa::AccessKind::ConcealedPrefetch;
}

}  // namespace

void add_store(RetireRecord& record, const isa::GatedStore& store) {
  MemoryAccess& access = record.accesses[record.access_count++];
  access = {isa::AccessKind::GuestStore, store.size, store.address, {}};
  std::memcpy(access.bytes, store.bytes, store.size);
}

// What the molecule is about to write is read from its bytes now: it may overwrite them.
void Recorder::start(const Decoded& molecule, const ModelCore& core, const isa::PhysicalMemory& memory) {
  record_.event_address = record_.event_info = 0;
  record_.write_count = record_.access_count = write_count_ = 0;
  record_.committed = false;
  gated_before_ = core.stores.size();
  if ((molecule.flags & kFaulty) == 0) write_count_ = written_.read(memory, molecule.address, molecule.bytes, writes_);
}

void Recorder::commit(const ModelCore& core) {
  record_.committed = true;
  record_.commit.store_count = core.stores.size();
  record_.commit.stores = released_;
  for (unsigned i = 0; i < core.stores.size(); ++i) {
    released_[i] = core.stores[i];
    if (i >= gated_before_) add_store(record_, core.stores[i]);
  }
}

void Recorder::executed(const ModelCore& core, const EngineBus& bus) {
  for (unsigned i = 0; i < write_count_; ++i) {
    const uint8_t reg = writes_[i];
    record_.writes[i] = {reg, reg < isa::kFpFile ? isa::V128{core.r[reg], 0} : core.v[reg - isa::kFpFile]};
  }
  record_.write_count = write_count_;
  // Stores that its own commit has released are in the record already, and stay last.
  const uint32_t released = record_.access_count;
  std::copy_backward(record_.accesses, record_.accesses + released, record_.accesses + released + bus.access_count);
  for (unsigned i = 0; i < bus.access_count; ++i) {
    const DataAccess& access = bus.accesses[i];
    record_.accesses[i] = {kind_of(access), access.size, access.address, {}};
  }
  record_.access_count += bus.access_count;
  for (unsigned i = gated_before_; i < core.stores.size(); ++i) add_store(record_, core.stores[i]);
}

void Recorder::raised(const isa::Event& event) {
  record_.event_address = event.address;
  record_.event_info = event.info;
  record_.write_count = record_.access_count = 0;
  record_.committed = false;
}

const RetireRecord& Recorder::finish(const ModelCore& core) {
  if (record_.committed) {
    record_.commit.guest_pc = core.special[static_cast<unsigned>(isa::Special::Gpc)];
    record_.commit.total_instructions = core.special[static_cast<unsigned>(isa::Special::Gcount)];
    record_.commit.digest = digest_of(core.shadow);
  }
  return record_;
}

}  // namespace chrysalis::hw
