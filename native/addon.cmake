# zest.node. cmake-js says where the Node-API headers are; under plain cmake Node is asked, and without an answer the
# addon is left out.
if(NOT CMAKE_JS_INC)
  find_program(ZEST_NODE node)
  if(ZEST_NODE)
    execute_process(
      COMMAND ${ZEST_NODE} -p "[require('node-api-headers').include_dir, path.resolve(require('node-addon-api').include_dir)].join(';')"
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE CMAKE_JS_INC OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
if(NOT CMAKE_JS_INC)
  message(STATUS "zest.node: left out, Node or its packages node-addon-api and node-api-headers were not found (npm ci)")
  return()
endif()

file(READ package.json manifest)
string(JSON version GET "${manifest}" version)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS package.json)

# What all addons have in common.
add_library(addon OBJECT ${zest_addon})
target_include_directories(addon SYSTEM PUBLIC ${CMAKE_JS_INC})
target_compile_definitions(addon PUBLIC ${zest_definitions} ZEST_VERSION="${version}")

# zest_node(<name> <sources…>)
function(zest_node name)
  add_library(${name} MODULE ${ARGN} ${CMAKE_JS_SRC})
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".node")
  target_link_libraries(${name} PRIVATE addon ${zest_libraries} ${CMAKE_JS_LIB})
  if(APPLE)
    target_link_options(${name} PRIVATE -undefined dynamic_lookup -Wl,-dead_strip)
  else()
    target_link_options(${name} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/native/addon/exports.map
      -Wl,--gc-sections $<$<CONFIG:Release>:-s>)
  endif()
endfunction()

zest_node(zest ${zest_addon_without_cuda})
if(TARGET cuda)
  # Beside zest.node: one of them is loaded, as the device says.
  zest_node(zest_cuda ${zest_addon_with_cuda})
  target_link_libraries(zest_cuda PRIVATE cuda CUDA::cudart_static ${CMAKE_DL_LIBS})
  target_include_directories(zest_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  set_target_properties(zest_cuda PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_SOURCE_DIR}/build/Release LIBRARY_OUTPUT_DIRECTORY_RELEASE ${CMAKE_SOURCE_DIR}/build/Release)
endif()
