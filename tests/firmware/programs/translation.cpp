// The translator's back end: compiles random regions and reports what came out.
#include "tests/firmware/programs/program.h"
#include "tests/translator/machine_shapes.h"
#include "tests/translator/random_region.h"
#include "translator/compile.h"
#include "translator/layout.h"

namespace {

using chrysalis::translator::CodeLayout;

uint64_t translate(uint64_t seed, const chrysalis::isa::MachineDescription& machine) {
  chrysalis::test::RandomRegion random = chrysalis::test::random_region(seed, 20 + seed % 60);
  chrysalis::translator::CompiledRegion compiled;
  chrysalis::translator::compile(random.region, machine, {}, compiled);
  CodeLayout layout;
  layout.add(100, std::move(compiled));
  for (int64_t label = 0; label < chrysalis::test::kExits; ++label) layout.define(label, 0x70000000 + static_cast<uint64_t>(label) * 64);
  layout.place(0x70000100, [](void*, chrysalis::translator::Target, int64_t) { return uint64_t{0x70000080}; });
  Checksum sum;
  for (const uint32_t word : layout.encode()) sum.add(word);
  return sum.value();
}

}  // namespace

void program() {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    report("crusoe", translate(seed, chrysalis::test::crusoe_like()));
    report("efficeon", translate(seed + 1000, chrysalis::test::efficeon_like()));
  }
}
