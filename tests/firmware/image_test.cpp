// C++ programs, compiled for the core and executed there, against the same programs compiled natively.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <map>

#include "firmware/image/builder.h"
#include "isa-host/codec.h"
#include "tests/firmware/image_runner.h"
#include "tests/translator/machines.h"

namespace chrysalis::test {
namespace {

const std::string kPrograms[] = {CHRYSALIS_TEST_PROGRAMS};

std::string native_output(const std::string& program) {
  FILE* const pipe = popen((std::string(CHRYSALIS_PROGRAM_DIR) + "/native_" + program).c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string out;
  std::array<char, 4096> buffer;
  while (const size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), got);
  EXPECT_EQ(pclose(pipe), 0) << program;
  return out;
}

const image::ElfFile& elf(const std::string& program) {
  static std::map<std::string, image::ElfFile> files;
  if (!files.count(program)) files[program] = image::read_elf(std::string(CHRYSALIS_ELF_DIR) + "/test_" + program + ".elf");
  return files[program];
}

/// Every molecule of the image, by the decoder and against the machine.
void check_molecules(const image::Image& image, const isa::MachineDescription& machine) {
  const image::Segment& code = image.segments.front();
  std::vector<uint32_t> words(code.bytes.size() / 4);
  std::memcpy(words.data(), code.bytes.data(), code.bytes.size());
  for (size_t at = 0; at < words.size();) {
    isa::Molecule molecule;
    const isa::CodecResult result = isa::decode(&words[at], static_cast<unsigned>(words.size() - at), code.address + 4 * at, molecule);
    ASSERT_TRUE(result.ok()) << isa::message(result.error) << " at word " << at;
    ASSERT_TRUE(isa::accepts(machine, molecule)) << "at word " << at;
    at += molecule.bytes / 4;
  }
}

class ImageTest : public testing::TestWithParam<std::string> {};

TEST_P(ImageTest, SameOutputAsNative) {
  const std::string expected = native_output(GetParam());
  ASSERT_FALSE(expected.empty());
  for (const NamedMachine& machine : machines()) {
    SCOPED_TRACE(machine.name);
    image::BuildOptions options;
    options.compile.verify = true;
    const image::Image image = image::build_image(elf(GetParam()), machine.machine, options);
    check_molecules(image, machine.machine);
    const ImageRun run = run_image(image, machine.machine);
    EXPECT_EQ(run.failure, "");
    EXPECT_EQ(run.output, expected);
  }
}

// No pass is needed for right results: none, and each alone, gives the same.
TEST_P(ImageTest, EveryPassAlone) {
  const std::string expected = native_output(GetParam());
  const isa::MachineDescription machine = crusoe_like();
  for (unsigned passes = 0; passes <= static_cast<unsigned>(translator::Pass::kCount); ++passes) {
    SCOPED_TRACE(passes);
    image::BuildOptions options;
    options.compile.passes = passes == 0 ? 0 : translator::PassMask{1} << (passes - 1);
    options.compile.verify = true;
    if (passes % 2 == 0) options.superblocks = {1, 0, 1};
    const ImageRun run = run_image(image::build_image(elf(GetParam()), machine, options), machine);
    EXPECT_EQ(run.failure, "");
    EXPECT_EQ(run.output, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, ImageTest, testing::ValuesIn(kPrograms),
                         [](const auto& info) { return std::string(info.param); });

// Debug builds verify the firmware whenever they start; this is the release build's turn.
TEST(Image, FirmwareSatisfiesTheVerifier) {
  image::BuildOptions options;
  options.compile.verify = true;
  EXPECT_GT(image::build_image(image::read_elf(CHRYSALIS_ELF_DIR "/monitor.elf"), crusoe_like(), options).code_end, 0u);
}

TEST(Image, FileFormatRoundTrip) {
  const isa::MachineDescription machine = crusoe_like();
  const image::Image image = image::build_image(elf("hello"), machine);
  const std::vector<uint8_t> bytes = image::serialize_image(image);
  const image::Image again = image::parse_image(bytes, "image");
  EXPECT_EQ(image::serialize_image(again), bytes);
  EXPECT_EQ(run_image(again, machine).output, run_image(image, machine).output);
  for (const size_t size : {size_t{0}, size_t{7}, size_t{20}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_ANY_THROW(image::parse_image({bytes.data(), size}, "image")) << size;
  }
}

TEST(Image, EveryMoleculeBelongsToAFunction) {
  const image::Image image = image::build_image(elf("hello"), crusoe_like());
  for (uint64_t address = image.code_begin; address < image.code_end; address += 4) {
    ASSERT_NE(image.function_at(address), nullptr) << address;
  }
  EXPECT_EQ(image.function_at(image.code_end), nullptr);
  EXPECT_EQ(image.function_at(image.symbol("fw_main"))->name, "fw_main");
}

TEST(Image, BuildingTwiceGivesTheSameBytes) {
  const isa::MachineDescription machine = efficeon_like();
  EXPECT_EQ(image::serialize_image(image::build_image(elf("hello"), machine)),
            image::serialize_image(image::build_image(elf("hello"), machine)));
}

}  // namespace
}  // namespace chrysalis::test
