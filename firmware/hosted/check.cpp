#include "firmware/check.h"

#include <cstdio>

#include "firmware/panic.h"
#include "translator/check/check.h"
#include "translator/ir/text.h"

namespace chrysalis::fw {

void check_translation(const translator::Region& region, const isa::MachineDescription& machine, const translator::CompiledRegion& compiled,
                       uint32_t first_exit) {
  const auto findings = translator::checking::check(region, machine, compiled, {first_exit, true});
  if (findings.empty()) return;
  std::fprintf(stderr, "%s%s%s", translator::checking::report(findings, compiled).c_str(), ir::text(region.code).c_str(),
               translator::checking::listing(compiled).c_str());
  panic("a translation does not do what its region says", region.eip);
}

}  // namespace chrysalis::fw
