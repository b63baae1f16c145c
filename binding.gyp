# The CPU-only build for those without CMake: `npx node-gyp rebuild`. Sources and flags stand in native/sources.json.
{
  'variables': {
    'read': 'node -p "const s = require(\'./native/sources.json\'); s',
    'core': ['<!@(<(read).core.join(\' \')")'],
    'cpu': ['<!@(<(read).cpu.join(\' \')")'],
    'avx2': ['<!@(<(read).avx2.join(\' \')")'],
    'avx512': ['<!@(<(read).avx512.join(\' \')")'],
    'neon': ['<!@(<(read).neon.join(\' \')")'],
    'addon': ['<!@(<(read).addon.concat(s.addon_without_cuda).join(\' \')")'],
    'flags': ['<!@(<(read).flags.all.join(\' \')")'],
    'flags_avx2': ['<!@(<(read).flags.avx2.join(\' \')")'],
    'flags_avx512': ['<!@(<(read).flags.avx512.join(\' \')")'],
    'definitions': ['<!@(<(read).definitions.join(\' \')")'],
    'version': '<!(node -p "require(\'./package.json\').version")',
  },
  'target_defaults': {
    'include_dirs': ['native', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    'defines': ['<@(definitions)', 'ZEST_VERSION="<(version)"'],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['-std=c++20', '-O3', '-DNDEBUG', '-pthread', '<@(flags)'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'CLANG_CXX_LIBRARY': 'libc++',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_ENABLE_CPP_RTTI': 'YES',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'MACOSX_DEPLOYMENT_TARGET': '13.3',
      'OTHER_CPLUSPLUSFLAGS': ['<@(flags)'],
    },
  },
  'targets': [
    {
      'target_name': 'zest',
      'sources': ['<@(core)', '<@(cpu)', '<@(addon)'],
      'conditions': [
        ['target_arch=="x64"', {'dependencies': ['zest_avx2', 'zest_avx512']}],
        ['target_arch=="arm64"', {'sources': ['<@(neon)']}],
        ['OS=="linux"', {
          'ldflags': [
            '-pthread', '-Wl,--version-script=<(module_root_dir)/native/addon/exports.map', '-Wl,--gc-sections', '-s',
          ],
        }],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'zest_avx2',
          'type': 'static_library',
          'sources': ['<@(avx2)'],
          'cflags_cc': ['<@(flags_avx2)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<@(flags_avx2)']},
        },
        {
          'target_name': 'zest_avx512',
          'type': 'static_library',
          'sources': ['<@(avx512)'],
          'cflags_cc': ['<@(flags_avx512)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<@(flags_avx512)']},
        },
      ],
    }],
  ],
}
