#include "tests/firmware/translation_run.h"

#include "firmware/host.h"
#include "firmware/monitor.h"

namespace chrysalis::fw {

void run() {
  auto& request = *host::concealed<test::TranslationRequest>(test::kRequestAddress);
  if (request.jtb_host != 0) host::jtb_write(request.jtb_guest, request.jtb_host);
  request.jtb_host = 0;
  if (const uint64_t translation = request.translation) {
    request.translation = 0;
    request.exit = static_cast<uint32_t>(monitor().execute(translation));
    ++request.exits;
  }
  monitor().loop();
}

}  // namespace chrysalis::fw
