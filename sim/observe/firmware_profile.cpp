#include "sim/observe/firmware_profile.h"

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <fstream>
#include <numeric>

#include <fmt/format.h>

#include "sim/engine_core.h"
#include "sim/error.h"

namespace chrysalis::sim {
namespace {

/// As the source has it, quotation marks doubled for CSV.
std::string readable(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  std::string out;
  for (const char c : plain != nullptr ? std::string(plain.get()) : name) out.append(c == '"' ? 2 : 1, c);
  return out;
}

}  // namespace

uint64_t FirmwareProfile::Row::total() const { return std::accumulate(std::begin(cycles), std::end(cycles), uint64_t{0}); }

FirmwareProfile::FirmwareProfile(const std::string& path) : path_(path) {
  if (!std::ofstream(path)) throw UserError(fmt::format("--profile {}: cannot be written to", path));
}

void FirmwareProfile::begin(Engine&, const isa::MachineModel& machine) {
  image_ = firmware_image(machine);
  owner_.assign((image_.code_end - image_.code_begin) / 4, kNobody);
  entry_.assign(owner_.size(), false);
  for (const image::CodeRange& range : image_.ranges) {
    std::fill(owner_.begin() + static_cast<std::ptrdiff_t>((range.begin - image_.code_begin) / 4),
              owner_.begin() + static_cast<std::ptrdiff_t>((range.end - image_.code_begin) / 4), range.function);
  }
  for (const image::ImageFunction& function : image_.functions) {
    const uint64_t address = image_.symbol(function.name);
    if (address >= image_.code_begin && address < image_.code_end) entry_[(address - image_.code_begin) / 4] = true;
  }
  rows_.resize(hw::kModes * image_.functions.size());
}

void FirmwareProfile::molecule(const hw::Observation& observation) {
  const uint64_t word = (observation.address - image_.code_begin) / 4;  // unsigned: addresses below are far beyond the end
  if (word >= owner_.size() || owner_[word] == kNobody) return;
  Row& row = rows_[static_cast<unsigned>(observation.mode) * image_.functions.size() + owner_[word]];
  row.entered += entry_[word] && observation.event == isa::Cause::None;
  for (unsigned i = 0; i < hw::kCharges; ++i) row.cycles[i] += observation.charged[i];
}

void FirmwareProfile::end(uint64_t) {
  std::ofstream out(path_);
  out << "mode,function,entered,cycles";
  for (const char* name : hw::kChargeName) out << ',' << name;
  out << '\n';
  for (unsigned mode = 0; mode < hw::kModes; ++mode) {
    const Row* const first = rows_.data() + mode * image_.functions.size();
    std::vector<uint32_t> order(image_.functions.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [first](uint32_t a, uint32_t b) { return first[a].total() > first[b].total(); });
    for (const uint32_t function : order) {
      if (first[function].total() == 0) break;
      out << fmt::format("{},\"{}\",{},{}", hw::kModeName[mode], readable(image_.functions[function].name), first[function].entered,
                         first[function].total());
      for (const uint64_t cycles : first[function].cycles) out << ',' << cycles;
      out << '\n';
    }
  }
  if (!out.flush()) throw UserError(fmt::format("--profile {}: cannot be written to", path_));
}

}  // namespace chrysalis::sim
