// The schedule checker proves what the back end makes of superblocks of real programs.
#include <gtest/gtest.h>

#include "isa-host/machine.h"
#include "tests/translator/superblocks.h"
#include "translator/check/check.h"
#include "translator/compile.h"
#include "translator/region_text.h"
#include "translator/verify_region.h"

namespace chrysalis::test {
namespace {

constexpr const char* kPrograms[] = {"aes", "bigint", "blake2s", "huffman", "interpreter", "lz", "parser", "regex", "siphash", "treap"};

struct Form {
  const char* name;
  SuperblockOptions options;
  unsigned store_buffer_entries;  ///< 0: the machine's
};

void PrintTo(const Form& form, std::ostream* out) { *out << form.name; }

std::vector<Form> forms() {
  std::vector<Form> out = {{"Plain", {}, 0}, {"Unrolled", {}, 0}, {"SmallStoreBuffer", {}, 3}, {"WithoutShadow", {}, 0}};
  for (Form& form : out) form.options.commits.most_stores = 32;  // less than any machine's buffer
  out[1].options.unroll = 4;
  out[2].options.unroll = 4;
  out[2].options.commits.most_stores = 3;
  out[3].options.commits.before_faults = true;
  return out;
}

class Proof : public testing::TestWithParam<Form> {};

TEST_P(Proof, EverySuperblock) {
  const Form& form = GetParam();
  unsigned regions = 0, passing = 0, commits = 0;
  for (const char* program : kPrograms) {
    SuperblockOptions options = form.options;
    options.source = std::string(program) + ".c";
    for (const Superblock& block : superblocks(std::string(KERNEL_FOLDER) + "/" + program + "-O3", options)) {
      for (const char* name : {"crusoe", "efficeon", "denver"}) {
        isa::MachineModel machine = isa::load_machine(name);
        if (form.store_buffer_entries != 0) machine.core.store_buffer_entries = static_cast<uint16_t>(form.store_buffer_entries);
        translator::Region region = block.region;
        const auto violations = translator::verify_region(region);
        ASSERT_TRUE(violations.empty()) << block.name << ": " << violations[0].rule << "\n" << translator::region_text(region);
        translator::CompiledRegion compiled;
        const translator::CompileStats stats = translator::compile(region, machine.core, {}, compiled);
        const auto findings = translator::checking::check(region, machine.core, compiled);
        ASSERT_TRUE(findings.empty()) << block.name << " for " << name << "\n"
                                      << translator::checking::report(findings, compiled) << translator::region_text(region)
                                      << translator::checking::listing(compiled);
        ++regions;
        passing += stats.passing_loads;
        for (const translator::Region::Map& map : region.maps) commits += map.eip != translator::Region::kNoAddress;
      }
    }
  }
  EXPECT_GT(regions, 300u);
  const bool precise = form.options.commits.before_faults, small = form.store_buffer_entries != 0;
  EXPECT_EQ(passing == 0, precise) << passing << " loads pass stores";
  EXPECT_TRUE(commits > 100 || (!precise && !small)) << commits;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Proof, testing::ValuesIn(forms()), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace chrysalis::test
