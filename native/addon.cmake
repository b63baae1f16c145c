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

add_library(zest MODULE ${zest_addon} ${CMAKE_JS_SRC})
set_target_properties(zest PROPERTIES PREFIX "" SUFFIX ".node")
target_include_directories(zest SYSTEM PRIVATE ${CMAKE_JS_INC})
target_compile_definitions(zest PRIVATE ${zest_definitions})
target_link_libraries(zest PRIVATE ${zest_libraries} ${CMAKE_JS_LIB})
if(APPLE)
  target_link_options(zest PRIVATE -undefined dynamic_lookup -Wl,-dead_strip)
else()
  target_link_options(zest PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/native/addon/exports.map -Wl,--gc-sections
    $<$<CONFIG:Release>:-s>)
endif()
