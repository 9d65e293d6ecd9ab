// The text form of regions: what is written is read again, and what cannot be read is explained.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/translator/random_region.h"
#include "tests/translator/superblocks.h"
#include "translator/ir/text.h"
#include "translator/region_text.h"

namespace chrysalis::test {
namespace {

using translator::ParsedRegions;
using translator::Region;

/// Empty: the region survives being written and read.
std::string lost(const Region& region) {
  const std::string text = translator::region_text(region);
  const ParsedRegions parsed = translator::parse_regions(text);
  for (const translator::TextError& error : parsed.errors) return std::to_string(error.line) + ": " + error.message + "\n" + text;
  if (parsed.regions.size() != 1) return "regions: " + std::to_string(parsed.regions.size());
  const std::string again = translator::region_text(parsed.regions[0].region);
  if (again != text) return "written " + text + "\nread " + again;
  return translator::same(region, parsed.regions[0].region) ? "" : "a field is lost\n" + text;
}

TEST(RegionText, RandomRegionsAreReadAsWritten) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    const RandomRegion random = random_region(seed, 5 + seed % 90);
    ASSERT_EQ(lost(random.region), "") << seed;
  }
}

TEST(RegionText, RegionsOfProgramsAreReadAsWritten) {
  size_t regions = 0, points = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KERNEL_FOLDER)) {
    for (const Superblock& block : superblocks(entry.path().string(), {.source = "", .max_instructions = 200, .unroll = 1})) {
      ASSERT_EQ(lost(block.region), "") << block.name;
      ++regions;
      points += block.region.maps.size();
    }
    if (regions > 4000) break;
  }
  EXPECT_GT(regions, 1000u);
  EXPECT_GT(points, 2 * regions);
}

// Every operation, with values in every field, whether it has a use for them or not.
TEST(RegionText, NoFieldOfAnOperationIsLost) {
  for (unsigned op = 0; op < static_cast<unsigned>(ir::Op::kCount); ++op) {
    for (unsigned variant = 0; variant < 64; ++variant) {
      ir::Inst inst;
      inst.op = static_cast<ir::Op>(op);
      inst.width = variant & 1 ? 8 : 64;
      inst.cond = static_cast<ir::Cond>(variant % 18);
      inst.aux = variant & 2 ? 3 : variant & 32 ? 200 : 0;
      inst.imm = variant & 4 ? -0x12345 : INT64_MIN;
      if (inst.op == ir::Op::Intrinsic) inst.imm = variant % static_cast<unsigned>(ir::IntrinsicId::kCount);
      else if (variant & 8) inst.imm = 0;
      if (variant & 16) inst.value = 5;
      if (variant & 32) inst.flags = 6;
      for (unsigned i = 0; i < (variant & 3) + 1; ++i) inst.src[i] = static_cast<ir::ValueId>(i);
      Region region;
      region.code.insts.push_back(inst);
      region.code.next_value = 60;
      ASSERT_EQ(lost(region), "") << op << " " << variant;
    }
  }
}

TEST(RegionText, EveryLineOfTheHeadIsRead) {
  Region region;
  region.eip = 0x8048000;
  region.next_eip = 0xfffffffe;
  region.faults_roll_back = true;
  region.allocatable = 0x8000'0000'0fff'fe01;
  region.readable = uint64_t{1} << 62;
  region.stack = 4;
  region.in_order = {0, 1, 6, 1};
  region.code.next_value = 5;
  region.entry = {{0, 0}, {3, 9}, {4, 62}};
  region.add_map(region.entry);
  region.maps[0].completed = 7;
  region.maps[0].likely = true;
  ir::Inst exit;
  exit.op = ir::Op::Exit;
  exit.imm = 0x8048010;
  exit.guest = 3;
  region.code.insts.push_back(exit);
  EXPECT_EQ(lost(region), "");
  EXPECT_EQ(translator::region_text(region),
            "region @0x8048000, next @0xfffffffe, faults_roll_back\n"
            "  allocatable r0, r9-r27, r63\n"
            "  readable r62\n"
            "  stack v4\n"
            "  in_order 1, 2:6, 3\n"
            "  entry eax=v0, flags=v3, r62=v4\n"
            "guest 3\n"
            "  exit @0x8048010 rmap{eax=v0, flags=v3, r62=v4} completed 7, likely\n");
}

std::string problem(const std::string& line) {
  const ParsedRegions parsed = translator::parse_regions("region\n  entry r0=v0\n" + line + "\n");
  if (parsed.errors.size() != 1) return std::to_string(parsed.errors.size()) + " errors";
  return std::to_string(parsed.errors[0].line) + ": " + parsed.errors[0].message;
}

TEST(RegionText, ErrorsSayWhatWouldBeAccepted) {
  EXPECT_EQ(problem("v1 = addd.32 v0, v0"), "3: unknown operation 'addd'; did you mean 'add'?; other lines begin with region, guest or, before the operations, values, allocatable, readable, stack, in_order or entry");
  EXPECT_EQ(problem("v1 = add v0, v0"), "3: 'add' lacks a width: .8, .16, .32 or .64");
  EXPECT_EQ(problem("v1 = add.3x v0, v0").substr(0, 68), "3: '3x' is neither a width (8, 16, 32 or 64) nor a condition (o, no,");
  EXPECT_EQ(problem("v1 = setcc.32 v0").substr(0, 32), "3: 'setcc.32' lacks a condition ");
  EXPECT_EQ(problem("v1 = add.32 v0, x0"), "3: 'x0' is no operand of add, which takes 2 values");
  EXPECT_EQ(problem("v1 = lea.32 v0, v0, 2, 0"), "3: '2' is no operand of lea, which takes 2 values, then <<SCALE, a number");
  EXPECT_EQ(problem("v1 = load.32 v0, 8"), "3: '8' is no operand of load, which takes 1 value, then perhaps a displacement (+0x8, -0x8)");
  EXPECT_EQ(problem("jump"), "3: jump lacks an operand: a label (L5)");
  EXPECT_EQ(problem("v1, v2 = add.32 v0, v0"), "3: an operation has at most a value (v1), then a flags image (f2)");
  EXPECT_EQ(problem("x1 = add.32 v0, v0"), "3: 'x1' is no result; a value is v0 to v65534, a flags image f0 to f65534");
  EXPECT_EQ(problem("f1 = add.32 v0, v0\n v2 = setcc.32.z v1"), "4: v1 is a flags result: write f1");
  EXPECT_EQ(problem("jump L1 rmap{r0=f0}"), "3: f0 is no flags result: write v0");
  EXPECT_EQ(problem("jump L1 rmap{r0:v0}"), "3: 'r0:v0' is no binding; one is REGISTER=VALUE, such as eax=v3 or r20=v3");
  EXPECT_EQ(problem("jump L1 rmap{r0=v0"), "3: rmap{ lacks its }");
  EXPECT_EQ(problem("jump L1 rmap{} often"), "3: 'often' says nothing of an exit; accepted are 'completed N', 'pc @ADDRESS', 'path N' and 'likely'");
  EXPECT_EQ(problem("v1 = copy.32 v0 rmap{}"), "3: only exits and commits have a map");
  EXPECT_EQ(problem("allocatable r5-r2"), "3: 'r5-r2' is no register r0 to r63, nor a range such as r0-r7");
  EXPECT_EQ(problem("guest x"), "3: a guest instruction is a number from 0 to 65535, not 'x'");
  EXPECT_EQ(problem("region @1, quickly"), "3: 'quickly' says nothing of a region; accepted are @ADDRESS, next @ADDRESS, faults_roll_back and precise");
  EXPECT_EQ(translator::parse_regions("v1 = add.32 v0, v0").errors[0].message, "the first line is 'region', perhaps with an address: region @0x8048000");
  EXPECT_EQ(translator::parse_regions("; nothing\n").errors[0].message, "there is no region; the first line is 'region'");
}

// Cut and changed at every place: it is read or refused, and never more than that.
TEST(RegionText, DamagedTextIsReadOrRefused) {
  const std::string whole = translator::region_text(random_region(7, 20).region);
  unsigned refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'\n', '-', '9', '}', ','}) {
      std::string text = whole;
      text[at] = c;
      const ParsedRegions parsed = translator::parse_regions(text);
      refused += !parsed.errors.empty();
      if (parsed.errors.empty() && parsed.regions.size() == 1) {
        const std::string written = translator::region_text(parsed.regions[0].region);
        const ParsedRegions again = translator::parse_regions(written);
        if (!again.errors.empty()) continue;
        ASSERT_EQ(translator::region_text(again.regions[0].region), written) << at << c;
      }
    }
    translator::parse_regions(whole.substr(0, at));
  }
  EXPECT_GT(refused, whole.size());
}

}  // namespace
}  // namespace chrysalis::test
