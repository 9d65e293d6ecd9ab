#include "hw/fetch_side.h"

namespace chrysalis::hw {

FetchSide::FetchSide(const CacheGeometry& l1i, LineSource& next_level) : tags_(l1i), next_level_(next_level) {}

void FetchSide::reset() {
  tags_.clear();
  buffered_line_ = kNoLine;
  statistics_ = {};
}

Cycle FetchSide::fetch(uint64_t address, uint32_t bytes, bool redirected, Cycle now, uint64_t* causes) {
  const uint64_t first = tags_.line_of(address), last = tags_.line_of(address + bytes - 1);
  if (buffered_line_ != first) now = read_line(first, now, causes);
  if (last == first) return now;
  if (redirected) {
    ++causes[static_cast<unsigned>(Charge::Branch)];
    ++now;
  }
  return read_line(last, now, causes);
}

Cycle FetchSide::read_line(uint64_t line, Cycle now, uint64_t* causes) {
  buffered_line_ = line;
  if (tags_.access(line, false)) {
    ++statistics_.hits;
    return now;
  }
  ++statistics_.misses;
  tags_.allocate(line, false);
  const LineSource::Reply reply = next_level_.fill(true, line, tags_.line_size(), now + 1);
  const Charge cause = reply.level == Level::Memory ? Charge::FetchMemory : Charge::FetchL2;
  causes[static_cast<unsigned>(cause)] += reply.arrival - now;
  return reply.arrival;
}

void FetchSide::invalidate(uint64_t address) {
  const uint64_t line = tags_.line_of(address);
  if (!tags_.contains(line)) return;
  tags_.invalidate(line);
  ++statistics_.invalidations;
  if (buffered_line_ == line) buffered_line_ = kNoLine;
}

}  // namespace chrysalis::hw
