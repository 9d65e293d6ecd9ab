#include "firmware/monitor.h"

namespace chrysalis::fw {

void run() { monitor().loop(); }

}  // namespace chrysalis::fw
