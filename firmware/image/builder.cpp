#include "firmware/image/builder.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "firmware/abi.h"
#include "firmware/image/error.h"
#include "firmware/image/program.h"
#include "firmware/image/stubs.h"
#include "translator/codegen.h"
#include "translator/layout.h"

namespace chrysalis::image {
namespace {

using translator::CodeLayout;

class Builder {
 public:
  Builder(const ElfFile& elf, const isa::MachineDescription& machine, const BuildOptions& options)
      : elf_(elf), machine_(machine), options_(options), program_(analyze(elf)) {
    if (options.profile != nullptr) std::tie(guidance_.counts, guidance_.known) = options.profile->counts(program_);
    image_.machine = machine;
    guidance_.rare_below = options.superblocks.rare_below;
  }

  Image run(std::vector<RegionPlace>* places) {
    compile_program();
    image_.statistics.code_bytes = layout_.place(options_.code_base);
    if (image_.statistics.code_bytes == 0) throw ImageError("a superblock is longer than its branches reach");
    image_.code_begin = options_.code_base;
    image_.code_end = options_.code_base + image_.statistics.code_bytes;
    image_.reset = layout_.address(kLabelReset);
    image_.event_vector = layout_.address(kLabelEvent);
    add_code_segment();
    add_data_segments();
    add_ranges();
    add_symbols();
    if (places != nullptr) {
      for (const CodeLayout::Extent& extent : layout_.extents()) {
        if (extent.label >= 0 && extent.begin != extent.end) places->push_back({extent.begin, static_cast<uint32_t>(extent.label)});
      }
    }
    image_.heap_begin = (std::max(image_.code_end, data_end_) + 0xfff) & ~uint64_t{0xfff};
    return std::move(image_);
  }

 private:
  uint32_t block_of(const std::string& symbol) {
    const uint32_t block = program_.block_at(elf_.symbol(symbol));
    if (block == kNoBlock) throw ImageError(symbol + " is not a function");
    return block;
  }

  // -- code ------------------------------------------------------------------------------------------------

  void compile_program() {
    StubTargets targets;
    const uint32_t start = block_of("fw_start"), event = block_of("fw_event"), long_jump = block_of("fw_long_jump");
    targets.start = start;
    targets.event = event;
    targets.long_jump = long_jump;
    targets.event_frame = elf_.symbol("fw_event_frame");
    targets.event_stack_end = elf_.symbol("fw_event_stack_end");
    targets.spill_slots = elf_.symbol("fw_spill_slots");
    targets.event_spill_slots = elf_.symbol("fw_event_spill_slots");
    add_stubs(machine_, targets, layout_);

    want(start);
    want(event);
    want(long_jump);
    for (const ElfRelocation& relocation : elf_.relocations) {
      if (!elf_.code_section(relocation.address) && relocation.defined && elf_.code_section(relocation.target)) {
        want(program_.block_at(relocation.target));
      }
    }
    // Regions in the order of the program, those that hardly ever run behind all others, except that what a region continues with
    // comes right after it.
    while (!wanted_.empty()) {
      uint32_t next = wanted_.begin()->second;
      while (next != kNoBlock && !done_.count(next)) next = compile_region(next);
    }
  }

  std::pair<bool, uint32_t> place_of(uint32_t block) const { return {guidance_.rare(block), block}; }

  void want(uint32_t block) {
    if (block != kNoBlock && !done_.count(block)) wanted_.insert(place_of(block));
  }

  /// Compiles the region that starts at `head`; returns the block that had better follow.
  uint32_t compile_region(uint32_t head) {
    wanted_.erase(place_of(head));
    done_[head] = true;
    Superblock superblock = grow(program_, guidance_, head, options_.superblocks);
    superblock.ends_taken = can_follow_taken(superblock.blocks.back());
    lift(program_, guidance_, superblock, region_);
    for (const uint32_t target : superblock.targets) want(target);
    translator::CompiledRegion compiled;
    const translator::CompileStats stats = compiler_.compile(region_, options_.compile, compiled);
    for (const uint32_t block : superblock.blocks) image_.statistics.riscv_instructions += program_.blocks[block].count;
    ++image_.statistics.regions;
    image_.statistics.molecules += stats.molecules;
    image_.statistics.atoms += stats.atoms;
    image_.statistics.spilled += stats.spilled;
    // A branch that turned out to be always taken may have cut the call off.
    const ir::Op last = region_.code.insts.back().op;
    if (last != ir::Op::Call && last != ir::Op::CallInd) superblock.continues_at = kNoBlock;
    const int64_t continues_at = superblock.continues_at == kNoBlock ? CodeLayout::kNoLabel : int64_t{superblock.continues_at};
    layout_.add(head, std::move(compiled), continues_at);
    const bool apart = superblock.follows != kNoBlock && guidance_.rare(superblock.follows) != guidance_.rare(head);
    return apart && superblock.continues_at == kNoBlock ? kNoBlock : superblock.follows;
  }

  /// Whether the block that is mostly branched to from `block` is still to be placed.
  bool can_follow_taken(uint32_t block) const {
    const Block& from = program_.blocks[block];
    if (program_.last(from).flow != Flow::Branch || done_.count(from.taken) || !guidance_.knows(block)) return false;
    const BlockCount& count = guidance_.counts[block];
    return 2 * count.taken > count.executed;
  }

  // -- the image -------------------------------------------------------------------------------------------

  void add_code_segment() {
    const std::vector<uint32_t> words = layout_.encode();
    Segment segment{options_.code_base, std::vector<uint8_t>(words.size() * 4)};
    std::memcpy(segment.bytes.data(), words.data(), segment.bytes.size());
    image_.segments.push_back(std::move(segment));
  }

  uint64_t host_address(uint64_t address) const {
    const uint32_t block = program_.block_at(address);
    if (block == kNoBlock || !done_.count(block)) throw ImageError("a pointer to code that was not compiled");
    return layout_.address(block);
  }

  void add_data_segments() {
    for (const ElfSection& section : elf_.sections) {
      if (!section.allocated || section.executable || section.size == 0) continue;
      const uint64_t begin = fw::kMailboxAddress + sizeof(fw::Mailbox);
      if (section.address < begin || section.address > options_.code_base || section.size > options_.code_base - section.address) {
        throw ImageError("section " + section.name + " lies outside the firmware's memory");
      }
      data_end_ = std::max(data_end_, section.address + section.size);
      if (section.bytes.empty()) continue;  // concealed memory starts as zeros
      Segment segment{section.address, section.bytes};
      relocate(segment);
      image_.segments.push_back(std::move(segment));
    }
  }

  void relocate(Segment& segment) {
    for (const ElfRelocation& relocation : elf_.relocations) {
      const uint64_t offset = relocation.address - segment.address;
      if (relocation.address < segment.address || offset >= segment.bytes.size()) continue;
      if (!relocation.defined || !elf_.code_section(relocation.target)) continue;
      const uint64_t address = host_address(relocation.target);
      const size_t size = relocation.type == R_RISCV_64 ? 8 : 4;
      if (segment.bytes.size() - offset < size) throw ImageError("a relocation reaches over the end of its section");
      std::memcpy(&segment.bytes[offset], &address, size);
    }
  }

  AccountMode mode_of(uint64_t address) const {
    const ElfSection* section = elf_.code_section(address);
    for (unsigned mode = 0; mode < static_cast<unsigned>(AccountMode::kCount); ++mode) {
      const AccountMode candidate = static_cast<AccountMode>(mode);
      if (section != nullptr && section->name == std::string(".text.") + name(candidate)) return candidate;
    }
    return AccountMode::Monitor;
  }

  /// Attributes all code: a range ends where the next region's begins, so that stubs count with the region
  /// before them.
  void add_ranges() {
    std::map<std::string, uint32_t> index;
    const auto function = [&](const std::string& name, AccountMode mode) {
      const auto [entry, added] = index.emplace(name, static_cast<uint32_t>(image_.functions.size()));
      if (added) image_.functions.push_back({name, mode});
      return entry->second;
    };
    for (const CodeLayout::Extent& extent : layout_.extents()) {
      uint32_t owner;
      if (extent.label < 0) {
        owner = function("(stubs)", AccountMode::Monitor);
      } else {
        const Block& block = program_.blocks[static_cast<size_t>(extent.label)];
        const uint64_t address = program_.insts[block.first].address;
        owner = function(program_.functions[block.function].name, mode_of(address));
      }
      if (!image_.ranges.empty() && image_.ranges.back().begin == extent.begin) image_.ranges.pop_back();
      if (!image_.ranges.empty()) image_.ranges.back().end = extent.begin;
      if (!image_.ranges.empty() && image_.ranges.back().function == owner) continue;
      image_.ranges.push_back({extent.begin, extent.begin, owner});
    }
    if (!image_.ranges.empty()) image_.ranges.back().end = image_.code_end;
  }

  void add_symbols() {
    for (const ElfSymbol& symbol : elf_.symbols) {
      const bool wanted = symbol.type == STT_FUNC || symbol.type == STT_OBJECT;
      if (!wanted || symbol.section == SHN_UNDEF || symbol.name.empty()) continue;
      if (!elf_.code_section(symbol.address)) {
        image_.symbols.push_back({symbol.name, symbol.address});
        continue;
      }
      const uint32_t block = program_.block_at(symbol.address);
      if (block != kNoBlock && done_.count(block)) image_.symbols.push_back({symbol.name, layout_.address(block)});
    }
    std::stable_sort(image_.symbols.begin(), image_.symbols.end(),
                     [](const ImageSymbol& a, const ImageSymbol& b) { return a.address < b.address; });
  }

  const ElfFile& elf_;
  const isa::MachineDescription& machine_;
  translator::Compiler compiler_{machine_};
  const BuildOptions& options_;
  Program program_;
  translator::Region region_;
  CodeLayout layout_;
  Image image_;
  Guidance guidance_;
  std::set<std::pair<bool, uint32_t>> wanted_;
  std::map<uint32_t, bool> done_;
  uint64_t data_end_ = 0;
};

}  // namespace

Image build_image(const ElfFile& elf, const isa::MachineDescription& machine, const BuildOptions& options, std::vector<RegionPlace>* places) {
  return Builder(elf, machine, options).run(places);
}

}  // namespace chrysalis::image
