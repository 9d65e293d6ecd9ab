#include "firmware/check.h"

#include <cstdio>

#include "firmware/panic.h"
#include "translator/check/check.h"
#include "translator/ir/text.h"

namespace chrysalis::fw {

void check_translation(std::span<const translator::Region> tree, const isa::MachineDescription& machine, const translator::CompiledRegion& compiled,
                       uint32_t first_exit) {
  const auto findings = translator::checking::check(tree, machine, compiled, {first_exit, true});
  if (findings.empty()) return;
  std::fprintf(stderr, "%s", translator::checking::report(findings, compiled).c_str());
  for (const translator::Region& path : tree) std::fprintf(stderr, "%s", ir::text(path.code).c_str());
  std::fprintf(stderr, "%s", translator::checking::listing(compiled).c_str());
  panic("a translation does not do what its region says", tree.front().eip);
}

}  // namespace chrysalis::fw
