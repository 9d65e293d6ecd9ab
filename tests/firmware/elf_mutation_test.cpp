// Damaged firmware programs: each gives an image or a message, never anything else.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "firmware/image/builder.h"
#include "firmware/image/error.h"
#include "tests/translator/machines.h"

namespace chrysalis::test {
namespace {

std::vector<uint8_t> file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

const std::vector<uint8_t>& original() {
  static const std::vector<uint8_t> bytes = file_bytes(std::string(CHRYSALIS_ELF_DIR) + "/test_hello.elf");
  return bytes;
}

/// True if an image came out.
bool build(const std::vector<uint8_t>& bytes, const isa::MachineDescription& machine) {
  try {
    image::build_image(image::parse_elf(bytes, "firmware.elf"), machine);
    return true;
  } catch (const image::ImageError& error) {
    EXPECT_STRNE(error.what(), "");
    return false;
  }
}

std::string message(const std::vector<uint8_t>& bytes) {
  try {
    image::parse_elf(bytes, "firmware.elf");
  } catch (const image::ImageError& error) {
    return error.what();
  }
  return {};
}

TEST(DamagedElf, Mutations) {
  const isa::MachineDescription machine = crusoe_like();
  ASSERT_TRUE(build(original(), machine));
  uint64_t state = 12345;
  const auto next = [&state] { return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33; };
  unsigned built = 0;
  for (unsigned i = 0; i < 2000; ++i) {
    SCOPED_TRACE(i);
    std::vector<uint8_t> bytes = original();
    // Headers are small: half of the damage goes to the first and the last kilobytes, where they are.
    const unsigned count = 1 + static_cast<unsigned>(next() % 8);
    for (unsigned k = 0; k < count; ++k) {
      const size_t size = bytes.size();
      const uint64_t where = next() % 4;
      const size_t at = where == 0 ? next() % 512 : where == 1 ? size - 1 - next() % 2048 : next() % size;
      bytes[at] = next() % 2 ? static_cast<uint8_t>(next()) : static_cast<uint8_t>(bytes[at] ^ 1u << next() % 8);
    }
    if (next() % 8 == 0) bytes.resize(next() % bytes.size());
    built += build(bytes, machine);
  }
  // Damage to text that nothing reaches, or to names, does not show.
  EXPECT_GT(built, 20u);
  EXPECT_LT(built, 1900u);
}

TEST(DamagedElf, SaysWhatIsWrong) {
  EXPECT_EQ(message({}), "firmware.elf: header lies outside the file");
  std::vector<uint8_t> bytes = original();
  bytes[0] = 'x';
  EXPECT_EQ(message(bytes), "firmware.elf: not an ELF file");
  bytes = original();
  bytes[4] = 1;
  EXPECT_EQ(message(bytes), "firmware.elf: not a 64-bit little-endian RISC-V file");
  bytes = original();
  bytes[16] = 3;
  EXPECT_EQ(message(bytes), "firmware.elf: not a static executable");
  bytes = original();
  bytes[48] |= 1;
  EXPECT_NE(message(bytes).find("compressed"), std::string::npos);
  EXPECT_THROW(image::read_elf("/nonexistent/firmware.elf"), image::ImageError);
}

}  // namespace
}  // namespace chrysalis::test
