#include "hw/line_request.h"

#include "hw/check.h"

namespace chrysalis::hw {

void require_ok(const tlm::tlm_generic_payload& payload, const char* initiator) {
  check(payload.is_response_ok(), initiator);
}

}  // namespace chrysalis::hw
