// What the addon takes from the program that loads it. A table of imports would name node.exe and
// so bind the addon to programs of that name; here each function is looked up in whatever program
// this is. A function that the addon begins to use is named below, or the linker misses it.
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#define ZEST_HOST_FUNCTIONS(F)         \
  F(napi_add_env_cleanup_hook)         \
  F(napi_add_finalizer)                \
  F(napi_adjust_external_memory)       \
  F(napi_call_function)                \
  F(napi_call_threadsafe_function)     \
  F(napi_check_object_type_tag)        \
  F(napi_close_escapable_handle_scope) \
  F(napi_close_handle_scope)           \
  F(napi_coerce_to_bool)               \
  F(napi_create_array)                 \
  F(napi_create_array_with_length)     \
  F(napi_create_bigint_uint64)         \
  F(napi_create_double)                \
  F(napi_create_error)                 \
  F(napi_create_function)              \
  F(napi_create_object)                \
  F(napi_create_promise)               \
  F(napi_create_range_error)           \
  F(napi_create_reference)             \
  F(napi_create_string_utf8)           \
  F(napi_create_threadsafe_function)   \
  F(napi_create_type_error)            \
  F(napi_define_class)                 \
  F(napi_define_properties)            \
  F(napi_delete_reference)             \
  F(napi_escape_handle)                \
  F(napi_fatal_error)                  \
  F(napi_get_and_clear_last_exception) \
  F(napi_get_array_length)             \
  F(napi_get_boolean)                  \
  F(napi_get_cb_info)                  \
  F(napi_get_element)                  \
  F(napi_get_global)                   \
  F(napi_get_instance_data)            \
  F(napi_get_last_error_info)          \
  F(napi_get_named_property)           \
  F(napi_get_new_target)               \
  F(napi_get_null)                     \
  F(napi_get_property)                 \
  F(napi_get_reference_value)          \
  F(napi_get_typedarray_info)          \
  F(napi_get_undefined)                \
  F(napi_get_value_bigint_int64)       \
  F(napi_get_value_bigint_uint64)      \
  F(napi_get_value_bool)               \
  F(napi_get_value_double)             \
  F(napi_get_value_int32)              \
  F(napi_get_value_int64)              \
  F(napi_get_value_string_utf8)        \
  F(napi_has_named_property)           \
  F(napi_has_property)                 \
  F(napi_is_exception_pending)         \
  F(napi_is_typedarray)                \
  F(napi_new_instance)                 \
  F(napi_open_escapable_handle_scope)  \
  F(napi_open_handle_scope)            \
  F(napi_ref_threadsafe_function)      \
  F(napi_reference_ref)                \
  F(napi_reference_unref)              \
  F(napi_reject_deferred)              \
  F(napi_release_threadsafe_function)  \
  F(napi_remove_env_cleanup_hook)      \
  F(napi_remove_wrap)                  \
  F(napi_resolve_deferred)             \
  F(napi_set_element)                  \
  F(napi_set_instance_data)            \
  F(napi_set_named_property)           \
  F(napi_throw)                        \
  F(napi_type_tag_object)              \
  F(napi_typeof)                       \
  F(napi_unref_threadsafe_function)    \
  F(napi_unwrap)                       \
  F(napi_wrap)                         \
  F(uv_get_osfhandle)

// name: jumps to where zest_host_name points.
#define ZEST_JUMP(name)                           \
  extern "C" {                                    \
  __attribute__((used)) FARPROC zest_host_##name; \
  }                                               \
  __asm__(".globl " #name "\n" #name              \
          ":\n"                                   \
          "  jmp *zest_host_" #name "(%rip)\n");
__asm__(".text");
ZEST_HOST_FUNCTIONS(ZEST_JUMP)

namespace {

struct HostFunction {
  const char* name;
  FARPROC* address;
};

#define ZEST_ENTRY(name) {#name, &zest_host_##name},
const HostFunction functions[] = {ZEST_HOST_FUNCTIONS(ZEST_ENTRY)};

}  // namespace

// FALSE: the addon does not load.
extern "C" BOOL WINAPI DllMain(HINSTANCE, DWORD reason, LPVOID) {
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  const HMODULE host = GetModuleHandleW(nullptr);
  for (const HostFunction& function : functions) {
    *function.address = GetProcAddress(host, function.name);
    if (*function.address == nullptr) return FALSE;
  }
  return TRUE;
}
#endif
