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

/// By function: its blocks in order of address, and a fingerprint of how control goes between them. What the blocks do may change.
std::vector<FunctionShape> shapes(const Program& program) {
  std::vector<FunctionShape> out(program.functions.size());
  std::vector<uint32_t> ordinals;
  for (uint32_t b = 0; b < program.blocks.size(); ++b) {
    std::vector<uint32_t>& blocks = out[program.blocks[b].function].blocks;
    ordinals.push_back(static_cast<uint32_t>(blocks.size()));
    blocks.push_back(b);
  }
  for (FunctionShape& shape : out) {
    Hash hash;
    for (const uint32_t b : shape.blocks) {
      const Block& block = program.blocks[b];
      const auto add = [&](uint32_t to) { hash.add(to != kNoBlock && program.blocks[to].function == block.function ? ordinals[to] : kNoBlock); };
      hash.add(static_cast<uint64_t>(program.last(block).flow));
      add(block.next);
      add(block.taken);
    }
    shape.fingerprint = hash.value;
  }
  return out;
}

}  // namespace

Profile Profile::read(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw ImageError(path + ": cannot be read");
  return parse(std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()}, path);
}

Profile Profile::parse(std::string_view text, const std::string& path) {
  std::istringstream in{std::string(text)};
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
