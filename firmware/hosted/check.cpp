#include "firmware/check.h"

#include <cstdio>

#include "firmware/code_stubs.h"
#include "firmware/gears.h"
#include "firmware/panic.h"
#include "translator/check/quick_form.h"
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

void check_block(const Gears& gears, GuestCode& code, uint32_t eip, uint32_t instructions, bool compares, bool refused) {
  const Mailbox& mailbox = host::mailbox();
  translator::QuickOptions options = quick_options(mailbox);
  options.instrument = options.loop_directly = false;
  translator::QuickTranslator quick(mailbox.machine, options);
  quick.begin(eip);
  std::vector<translator::checking::BlockInstruction> block;
  Fetched fetched;
  FetchFault fault;
  uint32_t at = eip;
  const auto fetch = [&](ir::Code& out) { return code.fetch(at, fetched, fault, out, gears.fetch_for(at, compares)); };
  for (; instructions != 0; --instructions) {
    translator::checking::BlockInstruction& instruction = block.emplace_back();
    if (!fetch(instruction.lifted) || !fetch(quick.code())) return;
    instruction.eip = at;
    instruction.next = at += fetched.length;
    quick.add(at);
  }
  if (refused && fetch(quick.code())) quick.add(at + fetched.length);
  const translator::QuickPlacement placement{kGearAreaBase[0], address(CodeStub::Leave), kFirstExit, kFirstExit, translator::QuickLikely::Unknown};
  const translator::checking::BlockCheck made = translator::checking::check_block(block, options.context, mailbox.machine, quick.finish(placement), placement);
  if (made.findings.empty()) return;
  std::fprintf(stderr, "%s%s%s", translator::checking::report(made.findings, made.form).c_str(), ir::text(made.region.code).c_str(),
               translator::checking::listing(made.form).c_str());
  panic("a block of gear 1 does not do what its source says", eip);
}

}  // namespace chrysalis::fw
