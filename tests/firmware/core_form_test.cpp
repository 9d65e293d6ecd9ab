// The core form of the monitor against its hosted form: the same guests, the same results, on every machine and
// interpreter.
#include <gtest/gtest.h>

#include <map>

#include "firmware/image/image.h"
#include "isa-host/machine.h"
#include "tests/firmware/core_guest.h"

namespace chrysalis::test {
namespace {

GUEST_CODE(core_loop, R"(
    mov $0, %eax
    mov $600, %ecx
    mov $0x500000, %esi
1:  add %ecx, %eax
    mov %eax, (%esi,%ecx,1)
    rol $5, %eax
    xor (%esi), %eax
    lea 3(%eax,%ecx,4), %edx
    sub %edx, %ebx
    adc $0, %edi
    push %edx
    pop %ebp
    test $7, %cl
    jz 2f
    inc %ebp
2:  cmp %ebp, %edx
    dec %ecx
    jnz 1b
    int $0x80
)")

GUEST_CODE(core_calls, R"(
    mov $9, %eax
    call fib
    mov %eax, 0x500010
    mov $0x500100, %edi
    mov $1000, %ecx
    mov $0x5a, %al
    cld
    rep stosb
    mov $0x500100, %esi
    mov $0x500800, %edi
    mov $250, %ecx
    rep movsl
    xor %edx, %edx
    mov $123456789, %eax
    mov $1000, %ecx
    div %ecx
    mul %edx
    shld $7, %eax, %edx
    bsr %eax, %ebx
    int $0x80
fib:
    cmp $2, %eax
    jb 1f
    push %ebx
    mov %eax, %ebx
    dec %eax
    call fib
    xchg %eax, %ebx
    sub $2, %eax
    call fib
    add %ebx, %eax
    pop %ebx
1:  ret
)")

GUEST_CODE(core_faults, R"(
    mov $0x500000, %ebx
    mov $7, %eax
    mov %eax, 8(%ebx)
    add %eax, 0x700000
    ud2
)")

struct Case {
  const char* name;
  std::vector<uint8_t> code;
};

std::vector<Case> cases() {
  return {{"loop", GUEST_BYTES(core_loop)}, {"calls", GUEST_BYTES(core_calls)}, {"faults", GUEST_BYTES(core_faults)}};
}

class CoreForm : public testing::TestWithParam<std::string> {};

TEST_P(CoreForm, SameAsHosted) {
  const image::Image image = image::read_image(std::string(CHRYSALIS_IMAGE_DIR) + "/monitor." + GetParam() + ".image");
  const isa::MachineModel machine = isa::load_machine(GetParam());
  for (const Case& test : cases()) {
    for (const fw::Interpreter interpreter : kInterpreters) {
      SCOPED_TRACE(std::string(test.name) + " interpreter " + std::to_string(static_cast<int>(interpreter)));
      Guest hosted(test.code, interpreter), core(test.code, interpreter);
      hosted.run();
      const CoreRun run = run_on_core(core, image, machine.core);
      ASSERT_EQ(run.failure, "");
      ASSERT_EQ(core.delivered.size(), hosted.delivered.size());
      for (size_t i = 0; i < core.delivered.size(); ++i) {
        EXPECT_EQ(core.delivered[i].vector, hosted.delivered[i].vector);
        EXPECT_EQ(core.delivered[i].error_code, hosted.delivered[i].error_code);
        EXPECT_EQ(core.delivered[i].cr2, hosted.delivered[i].cr2);
        EXPECT_EQ(core.delivered[i].eip, hosted.delivered[i].eip);
      }
      for (unsigned slot = 0; slot < 24; ++slot) {
        EXPECT_EQ(core.mailbox().context.slot[slot], hosted.mailbox().context.slot[slot]) << "register " << slot;
      }
      EXPECT_EQ(run.instructions, hosted.firmware().instructions());
      EXPECT_TRUE(core.ram() == hosted.ram());
      RecordProperty(std::string(test.name) + std::to_string(static_cast<int>(interpreter)),
                     std::to_string(run.molecules * 100 / std::max<uint64_t>(run.instructions, 1)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, CoreForm, testing::Values("crusoe", "efficeon", "denver"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace chrysalis::test
