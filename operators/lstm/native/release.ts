/**
 * The addon as packages, one per platform, that npm installs where they fit (`os`, `cpu`, `libc`) and nobody has to compile.
 *
 *     node operators/lstm/native/release.ts build <folder> [--platform linux --arch arm64 --compiler aarch64-linux-gnu-gcc]
 *     node operators/lstm/native/release.ts link
 *
 * `build` writes a package ready for `npm publish` to `<folder>`; `link` names all of them in package.json as optional
 * dependencies of the same version, just before the main package is published. Any CI can run it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nativePackage } from '../packed/native-kernels.ts';
import { buildNative, type NativeTarget } from './build.ts';

interface Manifest {
  readonly version: string;
  readonly license: string;
  optionalDependencies?: Readonly<Record<string, string>>;
}

/** What is released. Built against glibc: where musl is, WebAssembly trains. */
export const PLATFORMS = [
  { platform: 'linux', arch: 'x64' },
  { platform: 'linux', arch: 'arm64' },
  { platform: 'darwin', arch: 'x64' },
  { platform: 'darwin', arch: 'arm64' },
] as const;

const ROOT = new URL('../../../package.json', import.meta.url);

const mainManifest = (): Manifest => JSON.parse(readFileSync(ROOT, 'utf8'));

/** Compiles the addon and writes its package to `folder`. */
export function buildPackage(folder: string, target: NativeTarget): void {
  const { license, version } = mainManifest();
  const { arch, platform } = target;
  mkdirSync(folder, { recursive: true });
  buildNative(join(folder, 'lstm.node'), target);
  const manifest = {
    name: nativePackage(platform, arch),
    version,
    description: `Causeway's training kernels for ${platform} on ${arch}.`,
    license,
    os: [platform],
    cpu: [arch],
    ...(platform === 'linux' ? { libc: ['glibc'] } : {}),
    main: 'lstm.node',
    files: ['lstm.node'],
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The main package's manifest with the platforms' packages as optional dependencies. */
export function linked(manifest: Manifest): Manifest {
  const own = PLATFORMS.map(({ arch, platform }) => [nativePackage(platform, arch), manifest.version] as const);
  return { ...manifest, optionalDependencies: { ...manifest.optionalDependencies, ...Object.fromEntries(own) } };
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      platform: { type: 'string', default: process.platform },
      arch: { type: 'string', default: process.arch },
      compiler: { type: 'string', default: process.env.CC ?? 'cc' },
    },
  });
  const [command, folder] = positionals;
  if (command === 'build' && folder !== undefined) buildPackage(folder, values);
  else if (command === 'link')
    writeFileSync(fileURLToPath(ROOT), `${JSON.stringify(linked(mainManifest()), null, 2)}\n`);
  else {
    console.error('usage: release.ts build <folder> [--platform … --arch … --compiler …] | link');
    process.exitCode = 2;
  }
}
