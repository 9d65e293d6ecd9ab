#include "sim/observe/firmware_counts.h"

#include <filesystem>

#include "firmware/image/error.h"
#include "firmware/image/monitor.h"
#include "sim/engine_core.h"
#include "sim/error.h"

namespace chrysalis::sim {

FirmwareCounts::FirmwareCounts(const std::string& path) : path_(path) {
  try {
    if (std::filesystem::exists(path)) profile_ = image::Profile::read(path);
  } catch (const image::ImageError& error) {
    throw UserError(std::string("--train: ") + error.what());
  }
}

void FirmwareCounts::begin(Engine&, const isa::MachineModel& machine) {
  program_ = image::analyze(image::monitor_program());
  counts_.resize(program_.blocks.size());
  std::vector<image::RegionPlace> places;
  const image::Image image = build_firmware_by_blocks(machine, &places);
  begin_ = image.code_begin;
  block_.assign((image.code_end - begin_) / 4, kInside);
  for (const image::RegionPlace& place : places) block_[(place.address - begin_) / 4] = place.block;
}

void FirmwareCounts::molecule(const hw::Observation& observation) {
  const uint32_t block = block_at(observation.address);
  if (block == kInside || observation.event != isa::Cause::None) return;
  ++counts_[block].executed;
  // Which way the one before it has gone. Between two blocks that follow each other there may be a stub or an island, but no block.
  if (last_ != kInside) {
    const image::Block& from = program_.blocks[last_];
    if (from.taken == block && from.next != block && program_.last(from).flow == image::Flow::Branch) ++counts_[last_].taken;
  }
  last_ = block;
}

void FirmwareCounts::end(uint64_t) {
  try {
    profile_.add(program_, counts_);
    profile_.write(path_);
  } catch (const image::ImageError& error) {
    throw UserError(std::string("--train: ") + error.what());
  }
}

}  // namespace chrysalis::sim
