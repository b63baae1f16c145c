// The only place that includes napi.h. Its configuration stands in native/sources.json
// ("definitions"), for both build systems.
#pragma once

#if !defined(NODE_ADDON_API_CPP_EXCEPTIONS) || !defined(NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
#error "build with the definitions of native/sources.json"
#endif

#include <napi.h>
