/**
 * Hashes of `correct horse battery staple` that others made: Dovecot's doveadm, and Python's hashlib
 * in the forms of passlib, Django and Werkzeug. `published` ones stand in the documents of passlib and
 * of Firebase.
 */

export const PASSWORD = 'correct horse battery staple'

export const MADE: readonly [what: string, hash: string, id: string][] = [
  [
    'bcrypt 2y of Dovecot',
    '{BLF-CRYPT}$2y$05$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.',
    '2b',
  ],
  [
    'argon2i of Dovecot',
    '{ARGON2I}$argon2i$v=19$m=32768,t=5,p=1$KvGMufsVMbJuiDUyjE92Lg$XtlrrZf2MDvstqeu0qw4+wanMVpIo7zc5W/hrw0dGlA',
    'argon2i',
  ],
  ['SSHA', '{SSHA}NvEhBA/c17Lgg4e/s1UOvquClwsBwwLO', 'ldap-sha1'],
  ['SSHA256', '{SSHA256}gQlEn/dWlCqGzKLy12AzjIkI2c5Vf1CJHD5KVeUSguzsEIfq', 'ldap-sha256'],
  [
    'SSHA512',
    '{SSHA512}+/1Vkq2FFs4zbTffxH8tVQYVcQDsNAj87aZu60wKcMWxlFkuWJFtZh+pj4wTZcRpSMorJK5DyzWdxHWVDrSnbtaVKGY=',
    'ldap-sha512',
  ],
  ['SHA without salt', '{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=', 'ldap-sha1'],
  ['SHA256 without salt', '{sha256}xLvLH77JnWW/WdhcjLYu4tuWPw/hBvSD2a+nO9Tjmoo=', 'ldap-sha256'],
  [
    'SHA384 without salt',
    '{SHA384}wkuSRJyHHzO7vx/BmJ5eEDfPqaPf2xeUf4FyImGB54Jeu0x1B2ORWDW/ElpZDgWu',
    'ldap-sha384',
  ],
  [
    'PBKDF2 of Django, SHA-1',
    'pbkdf2_sha1$1000$saltyText$CXc3O8aTX4s6d1/HxVS1Oh/Xef8=',
    'pbkdf2-sha1',
  ],
  [
    'PBKDF2 of Django, SHA-256',
    'pbkdf2_sha256$1000$saltyText$atMWQx8bsMQB0yaBWB+Fldh0q8c+tuXvQ4L0nJ5gbgQ=',
    'pbkdf2-sha256',
  ],
  [
    'PBKDF2 of Werkzeug',
    'pbkdf2:sha512:1000$saltyText$f9182b0348fed4180a38335d2939c8a61550f4fec0021c7249c20371cb2121de42f00317fad9e37d1e03cf0775927a252c91fb1bab91fe6f2975c3a9bcf10f9c',
    'pbkdf2-sha512',
  ],
  [
    'PBKDF2 of passlib, SHA-512',
    '$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr.mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC.oDhRoeIja9J1iLIv9ptDJMfQ',
    'pbkdf2-sha512',
  ],
  [
    'PBKDF2 of passlib, SHA-1',
    '$pbkdf2$1000$MDEyMzQ1Njc4OWFiY2RlZg$wmIXv0mv7iouqkc9CKjRvCX21po',
    'pbkdf2-sha1',
  ],
  [
    'PBKDF2 of a directory',
    '{PBKDF2-SHA512}1000$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr.mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC.oDhRoeIja9J1iLIv9ptDJMfQ',
    'pbkdf2-sha512',
  ],
  [
    'PBKDF2 as a PHC string',
    '$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI',
    'pbkdf2-sha256',
  ],
  [
    'scrypt of Django',
    'scrypt$1024$saltyText$8$1$PYNpfXP4AClKSsEnn7+kLVD0rKE4eScdwct0WinMRdJoUM8Iomiv4r+n46c/NzbFh8cY+GwAf3t9r3FN24lP5Q==',
    'scrypt',
  ],
  [
    'scrypt of Werkzeug',
    'scrypt:1024:8:1$saltyText$3d83697d73f800294a4ac1279fbfa42d50f4aca13879271dc1cb745a29cc45d26850cf08a268afe2bfa7e3a73f3736c587c718f86c007f7b7daf714ddb894fe5',
    'scrypt',
  ],
]

export const PUBLISHED: readonly [what: string, hash: string, password: string][] = [
  ['bcrypt 2a', '$2a$12$NT0I31Sa7ihGEWpka9ASYeEFkhuTNeBQ2xfZskIiiJeyFXhRgS.Sy', 'password'],
  [
    'pbkdf2_sha256 of passlib',
    '$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44',
    'password',
  ],
  [
    'scrypt of passlib',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
    'password',
  ],
  [
    "Firebase's scrypt",
    '$firebase-scrypt$ln=14,r=8,sep=Bw,key=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA$42xEC+ixf3L2lw$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ',
    'user1password',
  ],
]
