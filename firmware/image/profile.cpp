#include "firmware/image/profile.h"

#include <fstream>
#include <sstream>

#include "firmware/image/error.h"

namespace chrysalis::image {
namespace {

/// FNV-1a.
struct Hash {
  uint64_t value = 0xcbf29ce484222325;
  void add(uint64_t word) {
    for (unsigned i = 0; i < 64; i += 8) value = (value ^ (word >> i & 0xff)) * 0x100000001b3;
  }
};

struct FunctionShape {
  uint64_t fingerprint = 0;
  std::vector<uint32_t> blocks;
};

/// By function: its blocks in order of address, and a fingerprint of its instructions without immediates, which change whenever
/// something else moves.
std::vector<FunctionShape> shapes(const Program& program) {
  std::vector<FunctionShape> out(program.functions.size());
  std::vector<Hash> hashes(program.functions.size());
  for (uint32_t b = 0; b < program.blocks.size(); ++b) {
    const Block& block = program.blocks[b];
    out[block.function].blocks.push_back(b);
    Hash& hash = hashes[block.function];
    hash.add(block.count);
    for (uint32_t i = block.first; i < block.first + block.count; ++i) {
      const RvInst& rv = program.insts[i].rv;
      hash.add(static_cast<uint64_t>(rv.format) | static_cast<uint64_t>(rv.op) << 8 | uint64_t{rv.width} << 24);
      hash.add(uint64_t{rv.rd} | uint64_t{rv.rs1} << 8 | uint64_t{rv.rs2} << 16 | uint64_t{rv.funct3} << 24 | uint64_t{rv.funct7} << 32);
    }
  }
  for (size_t f = 0; f < out.size(); ++f) out[f].fingerprint = hashes[f].value;
  return out;
}

}  // namespace

Profile Profile::read(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw ImageError(path + ": cannot be read");
  Profile profile;
  std::string line;
  for (unsigned number = 1; std::getline(in, line); ++number) {
    const auto fail = [&] { throw ImageError(path + ":" + std::to_string(number) + ": expected NAME FINGERPRINT ORDINAL:EXECUTED[:TAKEN] ..."); };
    std::istringstream words(line);
    std::string name;
    FunctionCounts counts;
    if (!(words >> name >> std::hex >> counts.fingerprint >> std::dec)) fail();
    for (uint32_t ordinal; words >> ordinal;) {
      BlockCount& count = counts.blocks[ordinal];
      if (words.get() != ':' || !(words >> count.executed)) fail();
      if (words.peek() == ':' && !(words.ignore() >> count.taken)) fail();
      if (count.taken > count.executed) fail();
    }
    if (!words.eof()) fail();
    profile.functions_[name] = std::move(counts);
  }
  return profile;
}

void Profile::write(const std::string& path) const {
  std::ofstream out(path);
  for (const auto& [name, function] : functions_) {
    out << name << ' ' << std::hex << function.fingerprint << std::dec;
    for (const auto& [ordinal, count] : function.blocks) {
      out << ' ' << ordinal << ':' << count.executed;
      if (count.taken != 0) out << ':' << count.taken;
    }
    out << '\n';
  }
  if (!out.flush()) throw ImageError(path + ": cannot be written");
}

void Profile::add(const Program& program, const std::vector<BlockCount>& counts) {
  const std::vector<FunctionShape> all = shapes(program);
  for (size_t f = 0; f < all.size(); ++f) {
    for (uint32_t ordinal = 0; ordinal < all[f].blocks.size(); ++ordinal) {
      const BlockCount& count = counts[all[f].blocks[ordinal]];
      if (count.executed == 0) continue;
      FunctionCounts& function = functions_[program.functions[f].name];
      if (function.fingerprint != all[f].fingerprint) function = {all[f].fingerprint, {}};
      BlockCount& sum = function.blocks[ordinal];
      sum.executed += count.executed;
      sum.taken += count.taken;
    }
  }
}

std::pair<std::vector<BlockCount>, std::vector<bool>> Profile::counts(const Program& program) const {
  if (functions_.empty()) return {};
  std::vector<BlockCount> out(program.blocks.size());
  std::vector<bool> known(program.blocks.size());
  const std::vector<FunctionShape> all = shapes(program);
  for (size_t f = 0; f < all.size(); ++f) {
    const auto found = functions_.find(program.functions[f].name);
    // What never ran has no line. That a function is new cannot be told from that; it is taken to be rare until there is a profile of it.
    if (found != functions_.end() && found->second.fingerprint != all[f].fingerprint) continue;
    for (uint32_t ordinal = 0; ordinal < all[f].blocks.size(); ++ordinal) {
      known[all[f].blocks[ordinal]] = true;
      if (found == functions_.end()) continue;
      const auto count = found->second.blocks.find(ordinal);
      if (count != found->second.blocks.end()) out[all[f].blocks[ordinal]] = count->second;
    }
  }
  return {std::move(out), std::move(known)};
}

}  // namespace chrysalis::image
