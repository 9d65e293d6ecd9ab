// C++ programs, compiled for the core and executed there, against the same programs compiled natively.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include <unistd.h>

#include "firmware/image/builder.h"
#include "firmware/image/error.h"
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

/// A profile of its own for each test.
class ProfileFile {
 public:
  ~ProfileFile() { std::remove(path().c_str()); }
  std::string path() const { return testing::TempDir() + "chrysalis-image-" + std::to_string(getpid()); }
  void write(const std::string& text) const { std::ofstream(path()) << text; }
  std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path()).rdbuf();
    return out.str();
  }
};

/// Counts that have nothing to do with what the program does: blocks that never run, branches never and always taken, and between.
std::vector<image::BlockCount> any_counts(const image::Program& program, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<image::BlockCount> counts(program.blocks.size());
  for (image::BlockCount& count : counts) {
    count.executed = random() % 3 == 0 ? 0 : 1 + random() % 100;
    count.taken = random() % 3 == 0 ? 0 : random() % 2 == 0 ? count.executed : random() % (count.executed + 1);
  }
  return counts;
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

// A profile says where regions had better go, and nothing about what the program does.
TEST_P(ImageTest, AnyProfile) {
  const std::string expected = native_output(GetParam());
  const isa::MachineDescription machine = crusoe_like();
  const image::Program program = image::analyze(elf(GetParam()));
  const image::Image plain = image::build_image(elf(GetParam()), machine);
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    image::Profile profile;
    profile.add(program, any_counts(program, seed));
    image::BuildOptions options;
    options.profile = &profile;
    options.superblocks.least_executed = options.superblocks.rare_below = 1;
    options.compile.verify = true;
    const image::Image image = image::build_image(elf(GetParam()), machine, options);
    EXPECT_NE(image::serialize_image(image), image::serialize_image(plain));
    EXPECT_EQ(image::serialize_image(image), image::serialize_image(image::build_image(elf(GetParam()), machine, options)));
    check_molecules(image, machine);
    const ImageRun run = run_image(image, machine);
    EXPECT_EQ(run.failure, "");
    EXPECT_EQ(run.output, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, ImageTest, testing::ValuesIn(kPrograms),
                         [](const auto& info) { return std::string(info.param); });

TEST(Image, FirmwareSatisfiesTheVerifier) {
  image::BuildOptions options;
  options.compile.verify = true;
  const image::Profile profile = image::Profile::read(CHRYSALIS_FIRMWARE_PROFILE);
  options.profile = &profile;
  EXPECT_GT(image::build_image(image::read_elf(CHRYSALIS_ELF_DIR "/monitor.elf"), crusoe_like(), options).code_end, 0u);
}

TEST(Profile, AddsUpAndComesBackFromItsFile) {
  const image::Program program = image::analyze(elf("hello"));
  const std::vector<image::BlockCount> first = any_counts(program, 1), second = any_counts(program, 2);
  const ProfileFile file;
  image::Profile profile;
  profile.add(program, first);
  profile.write(file.path());
  profile = image::Profile::read(file.path());
  profile.add(program, second);
  profile.write(file.path());
  const auto [counts, known] = image::Profile::read(file.path()).counts(program);
  for (size_t b = 0; b < program.blocks.size(); ++b) {
    EXPECT_TRUE(known[b]);
    EXPECT_EQ(counts[b].executed, first[b].executed + second[b].executed);
    EXPECT_EQ(counts[b].taken, first[b].taken + second[b].taken);
  }
}

// What has changed since is left out, what has not still counts.
TEST(Profile, AFunctionThatHasChangedIsUnknown) {
  const image::Program program = image::analyze(elf("hello"));
  const ProfileFile file;
  image::Profile profile;
  profile.add(program, any_counts(program, 1));
  profile.write(file.path());
  std::string text = file.text();
  const size_t at = text.find("fw_main ") + std::strlen("fw_main ");
  ASSERT_LT(at, text.size());
  text[at] = text[at] == '1' ? '2' : '1';
  file.write(text);
  const std::vector<bool> known = image::Profile::read(file.path()).counts(program).second;
  unsigned changed = 0;
  for (size_t b = 0; b < program.blocks.size(); ++b) {
    const bool is_main = program.functions[program.blocks[b].function].name == "fw_main";
    EXPECT_EQ(known[b], !is_main);
    changed += is_main;
  }
  EXPECT_GT(changed, 0u);
}

TEST(Profile, NamesTheLineThatIsNone) {
  const ProfileFile file;
  for (const char* line : {"f", "f x", "f 1f 1", "f 1f 1:", "f 1f 1:2:", "f 1f 1:2:3", "f 1f 1;2", "f 1f 1:2 x"}) {
    file.write(std::string("f 1f 0:1 2:3:3\n") + line + "\n");
    try {
      image::Profile::read(file.path());
      ADD_FAILURE() << line;
    } catch (const image::ImageError& error) {
      EXPECT_NE(std::string(error.what()).find(file.path() + ":2: expected NAME FINGERPRINT"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(image::Profile::read(file.path() + "-missing"), image::ImageError);
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
