#include "hw/data_side.h"

#include <algorithm>

#include "hw/check.h"

namespace chrysalis::hw {
namespace {

Charge charge_of(Level level) { return level == Level::Memory ? Charge::DataMemory : Charge::DataL2; }

}  // namespace

DataSide::DataSide(const DataSideParameters& parameters, LineSource& next_level)
    : parameters_(parameters),
      next_level_(next_level),
      tags_(parameters.l1d),
      line_size_(parameters.l1d.line),
      line_mask_(parameters.l1d.line - 1),
      miss_registers_(parameters.miss_registers),
      released_(parameters.store_buffer_entries) {
  check(parameters.miss_registers >= 2 * parameters.ports, "rule D4: miss registers for every port");
}

void DataSide::reset() {
  tags_.clear();
  std::fill(miss_registers_.begin(), miss_registers_.end(), MissRegister{});
  quiet_from_ = idle_from_ = 0;
  released_.clear();
  next_drain_ = 0;
  written_in_ = kNever;
  statistics_ = {};
}

const DataSide::MissRegister* DataSide::under_way(uint64_t line, Cycle now) const {
  for (const MissRegister& entry : miss_registers_) {
    if (entry.line == line && now < entry.arrival) return &entry;
  }
  return nullptr;
}

uint32_t DataSide::free_miss_registers(Cycle now) const {
  uint32_t count = 0;
  for (const MissRegister& entry : miss_registers_) count += entry.arrival <= now;
  return count;
}

Cycle DataSide::next_free_miss_register(Cycle now, Level* level) const {
  Cycle first = kNever;
  for (const MissRegister& entry : miss_registers_) {
    if (entry.arrival > now && entry.arrival < first) {
      first = entry.arrival;
      *level = entry.level;
    }
  }
  return first;
}

const DataSide::MissRegister& DataSide::miss(uint64_t line, bool dirty, Cycle now) {
  const auto entry = std::find_if(miss_registers_.begin(), miss_registers_.end(),
                                  [now](const MissRegister& candidate) { return candidate.arrival <= now; });
  check(entry != miss_registers_.end(), "issue() and start_drain() count the free miss registers first");
  const Victim victim = tags_.allocate(line, dirty);
  const LineSource::Reply reply = next_level_.fill(false, line, line_size_, now + 1);
  *entry = {line, reply.arrival, reply.level};
  quiet_from_ = std::max(quiet_from_, reply.arrival);
  idle_from_ = released_.empty() ? quiet_from_ : kNever;
  if (victim.dirty) {
    ++statistics_.write_backs;
    next_level_.write_back(victim.address, line_size_, now + 1);
  }
  return *entry;
}

// -- issue ---------------------------------------------------------------------------------------------

/// The cycle until which rules D4 and D5 hold the molecule, at least `now`; `level` tells whom it waits for.
Cycle DataSide::blocked_until(const DataAccess* accesses, unsigned count, Cycle now, Level* level) const {
  Cycle until = now;
  uint64_t lines[2 * kMaxAccesses];
  unsigned line_count = 0;
  bool missed = false;
  for (unsigned i = 0; i < count; ++i) {
    const DataAccess& access = accesses[i];
    if (access.kind == DataUse::Prefetch) continue;
    for_lines(access.address, access.size, [&](uint64_t line) {
      if (const MissRegister* entry = under_way(line, now)) {
        if (entry->arrival > until) {
          until = entry->arrival;
          *level = entry->level;
        }
      } else if (!access.forwarded) {
        missed |= !tags_.contains(line);
        if (std::find(lines, lines + line_count, line) == lines + line_count) lines[line_count++] = line;
      }
    });
  }
  // Lines that hit count too, because another access's miss may evict them before their turn.
  if (until == now && missed && line_count > free_miss_registers(now)) until = next_free_miss_register(now, level);
  return until;
}

bool DataSide::hits(DataAccess* accesses, unsigned count, Cycle now) {
  if (now < idle_from_) {
    drain_to(now);
    if (now < quiet_from_) return false;
  }
  for (unsigned i = 0; i < count; ++i) {
    const DataAccess& access = accesses[i];
    if (access.kind == DataUse::Prefetch || (access.address & line_mask_) + access.size > line_size_ ||
        !tags_.contains(access.address)) {
      return false;
    }
  }
  for (unsigned i = 0; i < count; ++i) {
    DataAccess& access = accesses[i];
    const bool write = access.kind == DataUse::Store;
    tags_.access(access.address, write);
    ++(write ? statistics_.store_hits : statistics_.load_hits);
    access.ready = now + parameters_.load_latency;
  }
  if (idle_from_ == kNever) take_ports(count, now);
  return true;
}

Cycle DataSide::issue(DataAccess* accesses, unsigned count, uint32_t gated, bool stores, Cycle now, uint64_t* causes) {
  const auto charge = [&](Charge cause, Cycle until) {
    causes[static_cast<unsigned>(cause)] += until - now;
    now = until;
  };
  drain_to(now);
  for (;;) {
    // What has drained in the meantime is no longer forwarded.
    for (unsigned i = 0; i < count; ++i) {
      DataAccess& access = accesses[i];
      access.forwarded = access.guest && access.kind == DataUse::Load && covers(access.address, access.size, access.gated);
    }
    Level level = Level::L2;
    const Cycle until = blocked_until(accesses, count, now, &level);
    if (until > now) {
      charge(charge_of(level), until);
    } else if (stores && !has_room(gated)) {
      // A store that drains in cycle t makes room for one that issues in t + 1.
      charge(Charge::StoreBuffer, std::max(now, written_in_ != kNever ? written_in_ : next_drain_) + 1);
    } else {
      break;
    }
    drain_to(now);
  }

  uint32_t ports = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (accesses[i].kind != DataUse::Prefetch) apply(accesses[i], now);
    ++ports;
  }
  for (unsigned i = 0; i < count; ++i) {
    if (accesses[i].kind != DataUse::Prefetch) continue;
    ++statistics_.prefetches;
    const uint64_t line = accesses[i].address & ~line_mask_;
    if (tags_.contains(line) || under_way(line, now) || free_miss_registers(now) == 0) {
      ++statistics_.prefetches_dropped;
    } else {
      miss(line, false, now);
    }
  }
  if (!released_.empty()) take_ports(ports, now);
  return now;
}

void DataSide::apply(DataAccess& access, Cycle now) {
  const bool write = access.kind == DataUse::Store;
  bool missed = false, crosses = false;
  for_lines(access.address, access.size, [&](uint64_t line) {
    crosses = line != (access.address & ~line_mask_);
    missed |= !tags_.contains(line);
  });
  access.ready = now + access.latency + crosses;
  access.level = Level::L1;
  statistics_.line_crossings += crosses;
  ++(write ? (missed ? statistics_.store_misses : statistics_.store_hits)
           : (missed ? statistics_.load_misses : statistics_.load_hits));
  if (missed && access.forwarded) {
    ++statistics_.forwarded_misses;
    return;
  }
  for_lines(access.address, access.size, [&](uint64_t line) {
    // A line under way here is one that this molecule has just asked for: blocked_until() saw to others.
    const MissRegister* entry = tags_.access(line, write) ? under_way(line, now) : &miss(line, write, now);
    if (entry == nullptr || entry->arrival <= access.ready) return;
    access.ready = entry->arrival;
    access.level = entry->level;
  });
}

// -- draining --------------------------------------------------------------------------------------------

void DataSide::release(uint64_t address, uint32_t size, Cycle now) {
  drain_to(now);  // or this one would follow those before it at once, in cycles before its release (rule S4)
  if (released_.empty()) next_drain_ = std::max(next_drain_, now + 1);
  released_.push({address, size, now});
  idle_from_ = kNever;
  statistics_.released_peak = std::max<uint64_t>(statistics_.released_peak, released_.size());
}

void DataSide::drain_before(Cycle now) {
  while (!released_.empty()) {
    const Cycle when = written_in_ != kNever ? written_in_ : next_drain_;
    if (when >= now) return;
    if (written_in_ == kNever && !start_drain(released_.front(), when)) continue;
    ++statistics_.drains;
    statistics_.released_cycles += when - released_.front().since;
    released_.pop();
    written_in_ = kNever;
    next_drain_ = when + 1;
  }
  idle_from_ = quiet_from_;
}

/// Tries to write `store` in cycle `now`. If it cannot be, says when to look again: next_drain_ or written_in_.
bool DataSide::start_drain(const Released& store, Cycle now) {
  Cycle arrival = now;
  uint32_t lines = 0;
  bool missed = false;
  for_lines(store.address, store.size, [&](uint64_t line) {
    if (const MissRegister* entry = under_way(line, now)) {
      arrival = std::max(arrival, entry->arrival);
    } else {
      missed |= !tags_.contains(line);
      ++lines;
    }
  });
  if (arrival > now) {
    next_drain_ = arrival;
    return false;
  }
  if (missed && lines > free_miss_registers(now)) {
    Level level;
    next_drain_ = next_free_miss_register(now, &level);
    return false;
  }
  ++(missed ? statistics_.store_misses : statistics_.store_hits);
  for_lines(store.address, store.size, [&](uint64_t line) {
    if (!tags_.access(line, true)) arrival = std::max(arrival, miss(line, true, now).arrival);
  });
  if (arrival == now) return true;
  written_in_ = arrival;
  return false;
}

bool DataSide::covers(uint64_t address, uint32_t size, uint32_t covered) const {
  const uint32_t all = (1u << size) - 1;
  for (std::size_t i = 0; i < released_.size() && covered != all; ++i) {
    const Released& store = released_.at(i);
    for (uint32_t byte = 0; byte < size; ++byte) {
      if (address + byte - store.address < store.size) covered |= 1u << byte;
    }
  }
  return covered == all;
}

}  // namespace chrysalis::hw
