// What stands in the package.json and README.md of each package.

/** node-zest's package.json as published: nothing that runs at install, and the platform packages of the same version. */
export const mainManifest = (manifest, packages) => {
  const {
    scripts: _scripts,
    devDependencies: _devDependencies,
    gypfile: _gypfile,
    binary: _binary,
    ...published
  } = manifest;
  const optionalDependencies = Object.fromEntries(packages.map(({ name }) => [name, manifest.version]));
  return { ...published, optionalDependencies };
};

const CPU_NAMES = { x64: 'x64', arm64: 'ARM64' };
const OS_NAMES = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' };

const describe = ({ os, cpu, libc, addon, needs }) => {
  const system = `${OS_NAMES[os]} on ${CPU_NAMES[cpu]}${libc === 'musl' ? ' with musl' : ''}`;
  return `node-zest's native addon for ${system}${addon === 'zest_cuda' ? ', with the CUDA backend' : ''}${needs ? ` (needs ${needs})` : ''}`;
};

/** The package.json of a platform package. */
export const platformManifest = ({ version, license, homepage, repository, bugs, engines }, name, platform) => ({
  name,
  version,
  description: describe(platform),
  license,
  homepage,
  repository,
  bugs,
  engines,
  os: [platform.os],
  cpu: [platform.cpu],
  ...(platform.libc && { libc: [platform.libc] }),
  main: `${platform.addon}.node`,
  preferUnplugged: true,
});

/** The README.md of a platform package. */
export const platformReadme = (name, platform) => `# ${name}

${describe(platform)}. [node-zest](https://www.npmjs.com/package/node-zest) has it as an optional dependency and loads it by itself; there
is no need to install it by hand.
${platform.ran ? '' : '\nThis build is **not yet run by us**: it compiles and links; reports are welcome.\n'}`;
